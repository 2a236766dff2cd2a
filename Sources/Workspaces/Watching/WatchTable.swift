internal import BerthProtocol
internal import Platform

/// The folders that are with inotify, and the watches that they are watched for. Used with the service's lock held.
final class WatchTable {
  /// Who is interested in a folder.
  private struct Interest {
    var folders: [WatchedFolder] = []
    /// Watches that end when the entry of that name goes.
    var guards: [(watch: FolderWatch, name: FileName)] = []
  }

  let inotify: Inotify
  private let maximumDirectories: @Sendable () -> Int
  private var interests: [Inotify.Watch: Interest] = [:]

  private static let folderKinds: Inotify.Kinds = [
    .created, .deleted, .modified, .attributes, .movedFrom, .movedTo, .ownDeleted, .ownMoved,
  ]
  private static let guardKinds: Inotify.Kinds = [.deleted, .movedFrom]

  init(inotify: Inotify, maximumDirectories: @escaping @Sendable () -> Int) {
    self.inotify = inotify
    self.maximumDirectories = maximumDirectories
  }

  /// How many folders are with inotify.
  var count: Int { interests.count }

  /// Begins to watch a folder.
  ///
  /// - Throws: `limit_reached`.
  func add(_ folder: WatchedFolder, _ directory: Directory) throws {
    let id = try add(directory, Self.folderKinds)
    if folder.id == id { return }
    remove(folder)
    interests[id, default: Interest()].folders.append(folder)
    folder.id = id
  }

  /// Watches a folder no longer.
  func remove(_ folder: WatchedFolder) {
    guard let id = folder.id else { return }
    folder.id = nil
    interests[id]?.folders.removeAll { $0 === folder }
    removeIfIdle(id)
  }

  /// Begins to watch a folder for the removal of one entry. A folder that is closed to the server's user is let be.
  func addGuard(_ directory: Directory, _ name: FileName, for watch: FolderWatch) throws {
    let id: Inotify.Watch
    do {
      id = try add(directory, Self.guardKinds)
    } catch let error as SystemError where error.errno == SystemError.Code.access {
      return
    }
    interests[id, default: Interest()].guards.append((watch, name))
    watch.guards.append(id)
  }

  /// Watches nothing of a watch any more.
  func remove(_ watch: FolderWatch) {
    for folder in watch.folder?.all ?? [] { remove(folder) }
    watch.folder = nil
    for id in watch.guards {
      interests[id]?.guards.removeAll { $0.watch === watch }
      removeIfIdle(id)
    }
    watch.guards = []
  }

  private func add(_ directory: Directory, _ kinds: Inotify.Kinds) throws -> Inotify.Watch {
    let id: Inotify.Watch
    do throws(SystemError) {
      id = try inotify.add(directory, kinds)
    } catch {
      guard error.errno == SystemError.Code.noSpace else { throw error }
      throw ProtocolError(
        .limitReached,
        "The system allows this user no more watched folders. Watch a smaller folder, leave some out with `exclude`, "
          + "or raise `fs.inotify.max_user_watches`.",
        detail: error.description)
    }
    let limit = maximumDirectories()
    guard interests[id] != nil || interests.count < limit else {
      inotify.remove(id)
      throw ProtocolError(
        .limitReached,
        "More than \(limit) folders would be watched at once. Watch a smaller folder, leave some out with `exclude`, "
          + "or raise `watch.maxDirectories` in the configuration.")
    }
    return id
  }

  private func removeIfIdle(_ id: Inotify.Watch) {
    guard let interest = interests[id], interest.folders.isEmpty, interest.guards.isEmpty else { return }
    interests[id] = nil
    inotify.remove(id)
  }

  // MARK: Events

  /// Marks what an event is about.
  ///
  /// - Returns: the watches that end with it, since their folder has gone.
  func take(_ event: Inotify.Event) -> [FolderWatch] {
    guard let interest = interests[event.watch] else { return [] }
    var ended: [FolderWatch] = []
    if let name = event.name {
      for folder in interest.folders { folder.mark(name, event.kinds, cookie: event.cookie) }
      if !event.kinds.isDisjoint(with: [.deleted, .movedFrom]) {
        ended += interest.guards.filter { $0.name == name }.map(\.watch)
      }
    }
    if !event.kinds.isDisjoint(with: [.ended, .ownDeleted, .ownMoved, .unmounted]) {
      for folder in interest.folders {
        if folder === folder.watch.folder { ended.append(folder.watch) }
        // The folder above is told as well; but for a file system that is unmounted, this is all.
        if let name = folder.name { folder.parent?.mark(name, []) }
      }
    }
    if event.kinds.contains(.ended) {
      interests[event.watch] = nil
      for folder in interest.folders { folder.id = nil }
    }
    return ended
  }
}
