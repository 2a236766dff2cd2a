internal import Platform

// The steps by which a watch's picture is changed. Each is told as it is made.
extension Reconciliation {
  // MARK: Entries

  /// Enters something new. What is in a folder is read by `attach(below:)`.
  mutating func enter(_ name: FileName, _ inode: UInt64, _ kind: FileKind, in folder: WatchedFolder) {
    let path = folder.path.appending(name.bytes)
    let isTold = watch.tells(name, path, kind, in: folder)
    let isEntered = watch.enters(name, path, kind, in: folder)
    guard isTold || isEntered else { return }
    folder.put(
      name,
      WatchedFolder.Entry(inode: inode, kind: kind, isTold: isTold, folder: isEntered ? WatchedFolder(watch) : nil))
    if isTold { tell(.created, path, kind) }
  }

  /// Takes something out, with all that is below it.
  ///
  /// - Parameter isTold: Whether followers are told, of each entry that they know.
  mutating func remove(_ name: FileName, of folder: WatchedFolder, isTold: Bool = true) {
    guard let entry = folder.entries[name] else { return }
    if isTold { tellDeleted(name, entry, folder.path) }
    folder.take(name)
    for below in entry.folder?.all ?? [] { table.remove(below) }
  }

  private mutating func tellDeleted(_ name: FileName, _ entry: WatchedFolder.Entry, _ folder: RelativePath) {
    let path = folder.appending(name.bytes)
    for (name, entry) in entry.folder?.entries ?? [:] { tellDeleted(name, entry, path) }
    if entry.isTold { tell(.deleted, path, entry.kind) }
  }

  /// Moves something to a place that is free.
  mutating func move(_ name: FileName, of folder: WatchedFolder, to target: WatchedFolder, _ newName: FileName) {
    guard var entry = folder.entries[name] else { return }
    let oldPath = folder.path.appending(name.bytes)
    let newPath = target.path.appending(newName.bytes)
    let isTold = watch.tells(newName, newPath, entry.kind, in: target)
    let isEntered = watch.enters(newName, newPath, entry.kind, in: target)
    guard entry.kind != .directory || (isEntered && entry.folder != nil && entry.isTold && isTold) else {
      // Not the same to those who look at it through globs: told as gone and new.
      remove(name, of: folder)
      return enter(newName, entry.inode, entry.kind, in: target)
    }
    guard entry.isTold && isTold else {
      remove(name, of: folder)
      return enter(newName, entry.inode, entry.kind, in: target)
    }
    folder.take(name)
    entry.isTold = true
    target.put(newName, entry)
    tell(.moved(from: oldPath), newPath, entry.kind)
    // Other rules may count there.
    if let moved = entry.folder, watch.dependsOnPath(target) || watch.dependsOnPath(moved) {
      for below in moved.all { below.markAll() }
    }
  }

  /// Something is told from now on, or no longer, where it is.
  mutating func retell(_ name: FileName, of folder: WatchedFolder, isTold: Bool) {
    folder.update(name) { $0.isTold = isTold }
    if isTold, let entry = folder.entries[name] { tell(.created, folder.path.appending(name.bytes), entry.kind) }
  }

  mutating func tellChanged(_ name: FileName, of folder: WatchedFolder) {
    guard let entry = folder.entries[name], entry.isTold else { return }
    tell(.changed, folder.path.appending(name.bytes), entry.kind)
  }

  private mutating func tell(_ what: FolderChange.What, _ path: RelativePath, _ kind: FileKind) {
    if !isSilent { told.append(FolderChange(what: what, path: path, kind: kind)) }
  }

  // MARK: Folders

  /// Opens a folder where the picture has it; nil where another one is there, or none.
  func open(_ folder: WatchedFolder) throws -> Directory? {
    let isOwn = folder === watch.folder
    do {
      let directory = Directory(
        adopting: try watch.root.open(
          folder.path, isOwn ? [.location, .directory] : [.location, .directory, .noFollow]))
      return try directory.identity() == folder.identity ? directory : nil
    } catch {
      guard Self.isGone(error) else { throw error }
      return nil
    }
  }

  private static func isGone(_ error: SystemError) -> Bool {
    [
      SystemError.Code.notFound, SystemError.Code.notDirectory, SystemError.Code.tooManyLinks,
      SystemError.Code.nameTooLong, SystemError.Code.crossesDevice,
    ].contains(error.errno)
  }

  /// Begins with the watch's own folder and all below it.
  mutating func begin() throws {
    guard let folder = watch.folder else { return }
    try attach(folder, Directory(adopting: watch.root.open(watch.start, [.read, .directory])))
    try attach(below: folder)
  }

  /// Watches an open folder, then reads what it holds: what changes in between is told by inotify.
  private mutating func attach(_ folder: WatchedFolder, _ directory: Directory) throws {
    try checkCancellation()
    folder.identity = try directory.identity()
    try table.add(folder, directory)
    let (_, entries) = try Directory.listing(adopting: directory.descriptor)
    let path = folder.path
    readRules(of: folder, at: path, directory, entries)
    for entry in entries.sorted(by: { $0.name < $1.name }) where !entry.name.isStaging {
      guard let kind = entry.kind ?? (try? directory.status(of: entry.name).kind) else { continue }
      arrive(entry.name, entry.inode, kind, in: folder)
    }
  }

  /// Watches the folders below a folder that are not watched yet, and reads what they hold.
  ///
  /// - Parameter only: The one entry of the folder that is meant; nil for all.
  mutating func attach(below top: WatchedFolder, only: FileName? = nil) throws {
    var open = [(folder: top, only: only)]
    while let (folder, only) = open.popLast() {
      let names = only.map { [$0] } ?? folder.entries.keys.sorted()
      let new = names.filter { name in folder.entries[name]?.folder.map { $0.id == nil } ?? false }
      guard !new.isEmpty else { continue }
      guard let directory = try self.open(folder) else {
        // Moved meanwhile: found again when that is told.
        for name in new { folder.mark(name, []) }
        continue
      }
      for name in new {
        guard let child = folder.entries[name]?.folder else { continue }
        if try attach(child, name, of: folder, directory) { open.append((child, nil)) }
      }
    }
  }

  /// Returns whether the folder could be opened.
  private mutating func attach(
    _ child: WatchedFolder, _ name: FileName, of folder: WatchedFolder, _ directory: Directory
  ) throws -> Bool {
    do {
      let opened = Directory(adopting: try directory.open(name, [.read, .directory]))
      try attach(child, opened)
      folder.update(name) { $0.inode = child.identity?.inode ?? $0.inode }
      return true
    } catch let error as SystemError where error.errno == SystemError.Code.access {
      // Nothing in it is for the server's user.
      folder.update(name) { $0.folder = nil }
    } catch let error as SystemError where Self.isGone(error) {
      // It has gone again, of which there is news to come. To be sure it is looked at in any case.
      folder.mark(name, [])
    }
    return false
  }

  func readRules(of folder: WatchedFolder, at path: RelativePath, _ directory: Directory, _ entries: [DirectoryEntry]) {
    guard watch.gitignore else { return }
    let above =
      if let parent = folder.parent { parent.rules } else if path.isRoot { nil as IgnoreRules? } else {
        IgnoreRules.rules(beneath: watch.root, at: path.parent)
      }
    folder.rules = IgnoreRules.rules(in: directory, depth: path.depth, below: above, entries: entries)
  }
}
