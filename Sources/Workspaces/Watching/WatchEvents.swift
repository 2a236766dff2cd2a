internal import Platform
internal import Streams

/// Takes in what inotify tells, and keeps the table and what each watch has gathered right. Used with the service's
/// lock held.
final class WatchEvents {
  /// The first end of a move, whose other end mostly comes at once, and never where something is moved out.
  private struct HalfMove {
    var sources: [(folder: WatchedFolder, name: FileName, isFolder: Bool)]
    let expiresAt: Int64
  }

  private let table: WatchTable
  /// By their cookie.
  private var halfMoves: [UInt32: HalfMove] = [:]
  /// The last thing that was moved to a place.
  private var lastArrival: (watch: Inotify.Watch, name: FileName, cookie: UInt32)?
  /// Folders whose `.gitignore` is another.
  private var rulesChanged: [WatchedFolder] = []
  /// Watches that can no longer be whole.
  private var failed: [FolderWatch] = []
  /// By when to begin anew, since events were lost; nil while none were.
  private var recoverAt: Int64?

  /// How long the other end of a move is waited for.
  private static let patienceNanoseconds: Int64 = 5_000_000
  /// How long after a loss the queue is read on before everything is looked at again.
  private static let stormNanoseconds: Int64 = 200_000_000

  init(_ table: WatchTable) {
    self.table = table
  }

  /// When `settle` has to be called; nil while there is nothing to wait for.
  var settleAt: Int64? { recoverAt == nil ? halfMoves.values.map(\.expiresAt).min() : 0 }

  /// Takes in one event.
  ///
  /// - Returns: the watches that end with it.
  func take(_ event: Inotify.Event, now: Int64) -> [FolderWatch] {
    if event.kinds.contains(.overflow) {
      recoverAt = recoverAt ?? now + Self.stormNanoseconds
      return []
    }
    let folders = table.folders(of: event.watch)
    var ended: [FolderWatch] = []
    if event.kinds.contains(.ended) { table.forget(event.watch) }
    if !event.kinds.isDisjoint(with: [.ended, .ownDeleted, .ownMoved, .unmounted]) {
      ended += folders.filter { $0 === $0.watch.folder }.map(\.watch)
    }
    guard let name = event.name else { return ended }
    if !event.kinds.isDisjoint(with: [.deleted, .movedFrom]) {
      ended += table.guards(of: event.watch).filter { $0.name == name }.map(\.watch)
    }
    if event.kinds.contains(.movedTo) {
      arrive(event, name, folders)
      lastArrival = (event.watch, name, event.cookie)
    } else if event.kinds.contains(.movedFrom) {
      depart(event, name, folders, now: now)
    } else {
      for folder in folders { take(event, name, folder) }
    }
    return ended
  }

  /// Finishes what waited for more events: half moves whose time is over, changed rules, and lost events.
  ///
  /// - Parameter isQuiet: Whether all events that there are were taken in.
  /// - Returns: the watches that can no longer be whole.
  func settle(now: Int64, isQuiet: Bool, watches: [FolderWatch]) -> [FolderWatch] {
    if let time = recoverAt, isQuiet || time <= now { recover(watches) }
    for (cookie, half) in halfMoves where half.expiresAt <= now {
      halfMoves[cookie] = nil
      for source in half.sources { leave(source.folder, source.name, isFolder: source.isFolder, movedOut: true) }
    }
    for folder in rulesChanged where folder.isAttached { scan(folder) }
    rulesChanged = []
    defer { failed = [] }
    return failed
  }

  /// Begins anew with every watch, since nobody knows what was missed. Followers are told of the gap.
  private func recover(_ watches: [FolderWatch]) {
    recoverAt = nil
    halfMoves = [:]
    rulesChanged = []
    for watch in watches {
      guard let folder = watch.folder else { continue }
      watch.tell()
      watch.journal.noteLoss()
      scan(folder, telling: .nothing, forgets: true)
    }
  }

  private func scan(_ folder: WatchedFolder, telling: WatchTable.Telling = .new, forgets: Bool = false) {
    do {
      try table.scan(folder, telling: telling, forgets: forgets)
    } catch {
      failed.append(folder.watch)
    }
  }

  // MARK: One event in one folder

  private func take(_ event: Inotify.Event, _ name: FileName, _ folder: WatchedFolder) {
    let isFolder = event.kinds.contains(.isFolder)
    if event.kinds.contains(.created) {
      appear(folder, name, isFolder: isFolder, mayBeKnown: true)
    } else if event.kinds.contains(.deleted) {
      leave(folder, name, isFolder: isFolder, movedOut: false)
    } else {
      if let kind = folder.known[name.hashValue] {
        folder.watch.changes.changed(folder.path.appending(name.bytes), kind)
      }
      noteRules(folder, name)
    }
  }

  /// Something has come: made here, or moved here from where the watch does not look.
  ///
  /// - Parameter mayBeKnown: Whether it is what a scan may have found and told already; else it has replaced that.
  private func appear(_ folder: WatchedFolder, _ name: FileName, isFolder: Bool, mayBeKnown: Bool) {
    let watch = folder.watch
    let path = folder.path.appending(name.bytes)
    if watch.tells(name, path, isFolder: isFolder, in: folder) {
      let kind = kind(at: path, of: watch, isFolder: isFolder)
      let before = folder.known.updateValue(kind, forKey: name.hashValue)
      if let before, !mayBeKnown {
        if kind == before && !isFolder {
          watch.changes.changed(path, kind)
        } else {
          watch.changes.deleted(path, before)
          watch.changes.created(path, kind)
        }
      } else if before == nil {
        watch.changes.created(path, kind)
      }
    }
    noteRules(folder, name)
    guard isFolder, watch.enters(name, path, in: folder) else { return }
    if !mayBeKnown, let replaced = folder.children[name] { table.drop(replaced) }
    scan(folder.children[name] ?? folder.addChild(name))
  }

  /// Something has gone.
  private func leave(_ folder: WatchedFolder, _ name: FileName, isFolder: Bool, movedOut: Bool) {
    guard folder.isAttached else { return }
    let watch = folder.watch
    if let child = folder.children[name] { table.drop(child) }
    if let kind = folder.known.removeValue(forKey: name.hashValue) {
      let path = folder.path.appending(name.bytes)
      if movedOut && isFolder { watch.changes.takeBack(below: path) }
      watch.changes.deleted(path, kind)
    }
    noteRules(folder, name)
  }

  // MARK: Moves

  /// The first end of a move.
  private func depart(_ event: Inotify.Event, _ name: FileName, _ folders: [WatchedFolder], now: Int64) {
    // Two entries that are exchanged are told as two moves, the first of which arrives where the second departs. What
    // arrived stays; the second end is told as something new.
    if let last = lastArrival, last.watch == event.watch, last.name == name, last.cookie &+ 1 == event.cookie,
      let folder = folders.first, exists(name, in: folder)
    {
      return
    }
    let sources = folders.map { (folder: $0, name: name, isFolder: event.kinds.contains(.isFolder)) }
    guard !sources.isEmpty else { return }
    halfMoves[event.cookie] = HalfMove(sources: sources, expiresAt: now + Self.patienceNanoseconds)
  }

  /// The second end of a move.
  private func arrive(_ event: Inotify.Event, _ name: FileName, _ folders: [WatchedFolder]) {
    let isFolder = event.kinds.contains(.isFolder)
    var sources = halfMoves.removeValue(forKey: event.cookie)?.sources ?? []
    for folder in folders {
      if let index = sources.firstIndex(where: { $0.folder.watch === folder.watch && $0.folder.isAttached }) {
        let source = sources.remove(at: index)
        move(source.folder, source.name, to: folder, name, isFolder: isFolder)
      } else {
        appear(folder, name, isFolder: isFolder, mayBeKnown: false)
      }
    }
    for source in sources { leave(source.folder, source.name, isFolder: isFolder, movedOut: true) }
  }

  private func move(
    _ from: WatchedFolder, _ oldName: FileName, to folder: WatchedFolder, _ newName: FileName, isFolder: Bool
  ) {
    let watch = folder.watch
    let oldPath = from.path.appending(oldName.bytes)
    let newPath = folder.path.appending(newName.bytes)
    let isTold = watch.tells(newName, newPath, isFolder: isFolder, in: folder)
    guard let kind = from.known[oldName.hashValue], isTold else {
      leave(from, oldName, isFolder: isFolder, movedOut: true)
      return appear(folder, newName, isFolder: isFolder, mayBeKnown: false)
    }
    from.known[oldName.hashValue] = nil
    let replaced = folder.known.updateValue(kind, forKey: newName.hashValue)
    watch.changes.moved(oldPath, to: newPath, kind, replacing: replaced)
    noteRules(from, oldName)
    noteRules(folder, newName)

    if let replaced = folder.children[newName] { table.drop(replaced) }
    let moved = from.removeChild(oldName)
    guard isFolder, watch.enters(newName, newPath, in: folder) else {
      if let moved { table.drop(moved) }
      return
    }
    if let moved { folder.adopt(moved, as: newName) }
    // What came into it while its path was the old one could not be looked at.
    scan(moved ?? folder.addChild(newName))
  }

  /// Notes that what a folder's rules leave out may be another now.
  private func noteRules(_ folder: WatchedFolder, _ name: FileName) {
    guard folder.watch.gitignore, name == IgnoreRules.fileName || name == IgnoreRules.repositoryName,
      !rulesChanged.contains(where: { $0 === folder })
    else { return }
    rulesChanged.append(folder)
  }

  private func exists(_ name: FileName, in folder: WatchedFolder) -> Bool {
    (try? folder.watch.root.status(of: folder.path.appending(name.bytes))) != nil
  }

  private func kind(at path: RelativePath, of watch: FolderWatch, isFolder: Bool) -> FileKind {
    // It may have gone again: the event's word has to do then.
    (try? watch.root.status(of: path).kind) ?? (isFolder ? .directory : .file)
  }
}
