internal import BerthProtocol
internal import Platform

/// The folders that are with inotify, and the watches that they are watched for. Used with the service's lock held.
///
/// Every folder is given to inotify before its names are read: what changes in between is told twice rather than not at
/// all, and taken as one.
final class WatchTable {
  /// Who is interested in a folder.
  private struct Interest {
    var folders: [WatchedFolder] = []
    /// Watches that end when the entry of that name goes.
    var guards: [(watch: FolderWatch, name: FileName)] = []

    var isEmpty: Bool { folders.isEmpty && guards.isEmpty }
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

  func folders(of id: Inotify.Watch) -> [WatchedFolder] { interests[id]?.folders ?? [] }

  func guards(of id: Inotify.Watch) -> [(watch: FolderWatch, name: FileName)] { interests[id]?.guards ?? [] }

  // MARK: Coming and going

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

  /// Begins to watch a folder, or goes on, should it be another one by now.
  private func watch(_ folder: WatchedFolder, _ directory: Directory) throws {
    let id = try add(directory, Self.folderKinds)
    if folder.id == id { return }
    if folder.id != nil { release(folder) }
    // Moved here, and the news of that is still to come.
    for other in folders(of: id) where other.watch === folder.watch { drop(other) }
    interests[id, default: Interest()].folders.append(folder)
    folder.id = id
  }

  private func add(_ directory: Directory, _ kinds: Inotify.Kinds) throws -> Inotify.Watch {
    let id: Inotify.Watch
    do throws(SystemError) {
      id = try inotify.add(directory, kinds)
    } catch {
      guard error.errno == SystemError.Code.noSpace else { throw error }
      throw ProtocolError(
        .limitReached,
        "The system allows this user no more watched folders. Watch a smaller folder, leave some out with `exclude`, or raise `fs.inotify.max_user_watches`.",
        detail: error.description)
    }
    let limit = maximumDirectories()
    guard interests[id] != nil || interests.count < limit else {
      inotify.remove(id)
      throw ProtocolError(
        .limitReached,
        "More than \(limit) folders would be watched at once. Watch a smaller folder, leave some out with `exclude`, or raise `watch.maxDirectories` in the configuration.")
    }
    return id
  }

  private func release(_ folder: WatchedFolder) {
    guard let id = folder.id else { return }
    folder.id = nil
    interests[id]?.folders.removeAll { $0 === folder }
    removeIfIdle(id)
  }

  private func removeIfIdle(_ id: Inotify.Watch) {
    guard let interest = interests[id], interest.isEmpty else { return }
    interests[id] = nil
    inotify.remove(id)
  }

  /// Watches a folder and those below it no longer, and takes it out of the one above.
  func drop(_ folder: WatchedFolder) {
    if let name = folder.name, folder.parent?.children[name] === folder { _ = folder.parent?.removeChild(name) }
    for folder in folder.all { release(folder) }
  }

  /// inotify watches a folder no longer: it has gone.
  func forget(_ id: Inotify.Watch) {
    guard let interest = interests.removeValue(forKey: id) else { return }
    for folder in interest.folders where folder.id == id { folder.id = nil }
  }

  /// Watches nothing of a watch any more.
  func drop(_ watch: FolderWatch) {
    if let folder = watch.folder { drop(folder) }
    watch.folder = nil
    for id in watch.guards {
      interests[id]?.guards.removeAll { $0.watch === watch }
      removeIfIdle(id)
    }
    watch.guards = []
  }

  // MARK: Reading folders

  /// What a scan tells.
  enum Telling {
    /// What is there is told as new, as far as it was not known.
    case new
    /// Nothing is told: it was there before anybody looked.
    case nothing
  }

  /// Watches a folder and all below it that the watch goes into, and reads what they hold. Called again, it takes up
  /// what has come and drops what has gone.
  ///
  /// - Parameter forgets: Whether what is not there any more is forgotten; else there is still news of that to come.
  /// - Throws: `limit_reached`; what opening the watch's own folder throws; `CancellationError`.
  func scan(_ top: WatchedFolder, telling: Telling, forgets: Bool = false) throws {
    var open = [top]
    while let folder = open.popLast() {
      try checkCancellation()
      do {
        open += try read(folder, telling, forgets: forgets)
      } catch let error as SystemError where folder !== folder.watch.folder && Self.isPassedOver(error) {
        drop(folder)
      }
    }
  }

  /// Whether a folder below the watch's own has gone, which is still to be told, or is closed to the server's user.
  private static func isPassedOver(_ error: SystemError) -> Bool {
    [
      SystemError.Code.notFound, SystemError.Code.notDirectory, SystemError.Code.tooManyLinks, SystemError.Code.access,
      SystemError.Code.nameTooLong,
    ].contains(error.errno)
  }

  /// Watches one folder and reads its names. Returns the folders in it that are to be read.
  private func read(_ folder: WatchedFolder, _ telling: Telling, forgets: Bool) throws -> [WatchedFolder] {
    let watch = folder.watch
    let path = folder.path
    let isOwn = folder === watch.folder
    let directory = Directory(
      adopting: try watch.root.open(path, isOwn ? [.read, .directory] : [.read, .directory, .noFollow]))
    try self.watch(folder, directory)
    let (_, entries) = try Directory.listing(adopting: directory.descriptor)
    if watch.gitignore {
      let above =
        isOwn ? path.isRoot ? nil : IgnoreRules.rules(beneath: watch.root, at: path.parent) : folder.parent?.rules
      folder.rules = IgnoreRules.rules(in: directory, depth: path.depth, below: above, entries: entries)
    }
    var known = forgets ? [:] : folder.known
    var left = Set(folder.children.keys)
    var entered: [WatchedFolder] = []
    for entry in entries where !entry.name.isStaging {
      guard let kind = entry.kind ?? (try? directory.status(of: entry.name).kind) else { continue }
      let entryPath = path.appending(entry.name.bytes)
      let key = entry.name.hashValue
      if watch.tells(entry.name, entryPath, isFolder: kind == .directory, in: folder) {
        if telling == .new, folder.known[key] == nil { watch.changes.created(entryPath, kind) }
        known[key] = kind
      } else {
        known[key] = nil
      }
      if kind == .directory, watch.enters(entry.name, entryPath, in: folder) {
        left.remove(entry.name)
        entered.append(folder.children[entry.name] ?? folder.addChild(entry.name))
      }
    }
    folder.known = known
    for name in left { folder.children[name].map(drop) }
    return entered
  }
}
