internal import Platform

/// One look at the folders in which something has happened: finds out how what is there differs from what followers
/// were told, and tells the difference.
///
/// What inotify tells is taken as a hint where to look, not as the truth: by the time it is read, paths may mean
/// something else. Each step that is told is made in the watch's own picture at the same time, with the paths as they
/// are then: who carries out what is told has that picture, and what happens during the look brings new hints. So both
/// come to be what is there, whatever happened in between.
///
/// Something is told as moved where inotify said that it was moved away, and the same inode is found elsewhere.
struct Reconciliation {
  let table: WatchTable
  let watch: FolderWatch
  /// Whether what is found was there before, so that nothing of it is told.
  var isSilent = false
  /// What there is to tell, in order.
  var told: [FolderChange] = []

  /// What is no longer where it was.
  private struct Doomed {
    let folder: WatchedFolder
    let name: FileName
    let serial: UInt64
    /// Whether it was moved away, and may be found elsewhere.
    let wasMoved: Bool

    /// Whether it still is in the picture.
    var stands: Bool { folder.isAttached && folder.entries[name]?.serial == serial }
  }

  /// What is somewhere and was not.
  private struct Arrival {
    let folder: WatchedFolder
    let name: FileName
    let inode: UInt64
    let kind: FileKind

    init(_ folder: WatchedFolder, _ name: FileName, _ status: FileStatus) {
      self.folder = folder
      self.name = name
      inode = status.identity.inode
      kind = status.kind
    }
  }

  private var doomed: [Doomed] = []
  private var arrivals: [Arrival] = []
  private var changed: [(folder: WatchedFolder, name: FileName)] = []
  /// Folders that are known, and can be watched from now on.
  private var opened: [(folder: WatchedFolder, name: FileName)] = []
  /// Those of the doomed that were moved away, by their inode.
  private var candidates: [UInt64: Doomed] = [:]

  init(_ table: WatchTable, _ watch: FolderWatch, isSilent: Bool = false) {
    self.table = table
    self.watch = watch
    self.isSilent = isSilent
  }

  /// Looks at all that is noted.
  ///
  /// - Throws: `limit_reached`, where the watch can no longer be whole.
  mutating func run() throws {
    // A folder that was moved is found where it is once the one above it was looked at.
    var hasProgress = true
    while hasProgress, watch.hasNotes {
      hasProgress = false
      for folder in watch.takeNotes() {
        if try look(at: folder) { hasProgress = true } else { watch.note(folder) }
      }
      try apply()
    }
  }

  // MARK: Looking

  /// Compares the marked entries of a folder with what is there. Returns false where the folder is not where the
  /// picture has it: there is news of that to come.
  private mutating func look(at folder: WatchedFolder) throws -> Bool {
    if watch.gitignore, folder.marks.contains(where: { IgnoreRules.isRead($0.name) }) {
      // What its rules leave out may be another now, all the way down.
      for below in folder.all { below.markAll() }
    }
    guard let directory = try open(folder) else { return false }
    let path = folder.path
    var names = folder.marks.map(\.name)
    if folder.needsListing {
      let (readable, entries) = try directory.listing(.root)
      readRules(of: folder, at: path, readable, entries)
      names = Array(Set(names).union(folder.entries.keys).union(entries.map(\.name))).sorted()
    }
    for name in names {
      compare(
        try status(of: name, in: directory), with: folder, name, path.appending(name.bytes), folder.kinds(of: name))
    }
    folder.clearMarks()
    return true
  }

  private func status(of name: FileName, in directory: Directory) throws -> FileStatus? {
    do {
      return try directory.status(of: name)
    } catch {
      let isGone = [SystemError.Code.notFound, SystemError.Code.nameTooLong, SystemError.Code.access]
      guard isGone.contains(error.errno) else { throw error }
      return nil
    }
  }

  private mutating func compare(
    _ found: FileStatus?, with folder: WatchedFolder, _ name: FileName, _ path: RelativePath, _ kinds: Inotify.Kinds
  ) {
    let known = folder.entries[name]
    guard let found else {
      if let known { doom(folder, name, known, wasMoved: kinds.contains(.movedFrom)) }
      return
    }
    let tells = watch.tells(name, path, found.kind, in: folder)
    let enters = watch.enters(name, path, found.kind, in: folder)
    guard let known else {
      if tells || enters { arrivals.append(Arrival(folder, name, found)) }
      return
    }
    guard tells || enters else {
      // Left out from now on. It is still there, so nothing is told.
      return remove(name, of: folder, isTold: false)
    }
    let wasWatched = known.folder?.identity != nil
    // Some file systems tell other numbers when they list a folder: without other news it is the same entry.
    let mayBeReplaced = wasWatched || !kinds.isDisjoint(with: [.created, .deleted, .movedFrom, .movedTo])
    let isSame = known.inode == found.identity.inode || !mayBeReplaced
    // The inode of what was deleted may be given to its successor: a file has changed then, a folder is another.
    let isSuccessor = known.kind == .directory && (kinds.contains(.deleted) || known.folder?.isGone == true)
    guard isSame, known.kind == found.kind, !isSuccessor else {
      doom(folder, name, known, wasMoved: kinds.contains(.movedFrom))
      return arrivals.append(Arrival(folder, name, found))
    }
    folder.update(name) { $0.inode = found.identity.inode }
    if !kinds.isDisjoint(with: [.modified, .attributes, .deleted, .movedFrom]) { changed.append((folder, name)) }
    if known.isTold != tells { retell(name, of: folder, isTold: tells) }
    if enters, known.folder?.id == nil { opened.append((folder, name)) }
  }

  private mutating func doom(_ folder: WatchedFolder, _ name: FileName, _ entry: WatchedFolder.Entry, wasMoved: Bool) {
    let gone = Doomed(folder: folder, name: name, serial: entry.serial, wasMoved: wasMoved)
    doomed.append(gone)
    if wasMoved { candidates[entry.inode] = gone }
  }

  // MARK: Applying

  private mutating func apply() throws {
    removeDeleted()
    try settleArrivals()
    for entry in doomed where entry.stands { remove(entry.name, of: entry.folder) }
    for (folder, name) in changed where folder.isAttached { tellChanged(name, of: folder) }
    for (folder, name) in opened where folder.isAttached {
      guard var entry = folder.entries[name], entry.kind == .directory, entry.folder?.id == nil else { continue }
      entry.folder = WatchedFolder(watch)
      folder.put(name, entry)
      try attach(below: folder, only: name)
    }
    doomed = []
    changed = []
    opened = []
    candidates = [:]
  }

  /// Removes what was deleted and has no successor; but not folders out of which something was moved.
  private mutating func removeDeleted() {
    let replaced = Set(arrivals.map { Slot($0.folder, $0.name) })
    var sources: Set<ObjectIdentifier> = []
    for candidate in candidates.values {
      for folder in sequence(first: candidate.folder, next: \.parent) { sources.insert(ObjectIdentifier(folder)) }
    }
    for entry in doomed where !entry.wasMoved && entry.stands && !replaced.contains(Slot(entry.folder, entry.name)) {
      if let folder = entry.folder.entries[entry.name]?.folder, sources.contains(ObjectIdentifier(folder)) { continue }
      remove(entry.name, of: entry.folder)
    }
  }

  /// Enters what has come, as far as its place is free; what stands there may be moved away by another arrival.
  private mutating func settleArrivals() throws {
    while !arrivals.isEmpty {
      let open = arrivals
      arrivals = []
      var waiting: [Arrival] = []
      for arrival in open where try !settle(arrival, mayWait: true) { waiting.append(arrival) }
      if waiting.count == open.count, let first = waiting.first {
        // They wait for each other: entries that were exchanged.
        _ = try settle(first, mayWait: false)
        waiting.removeFirst()
      }
      arrivals += waiting
    }
  }

  /// Returns false where it has to wait.
  private mutating func settle(_ arrival: Arrival, mayWait: Bool) throws -> Bool {
    let (folder, name) = (arrival.folder, arrival.name)
    guard folder.isAttached else { return true }
    let origin = origin(of: arrival)
    if let occupant = folder.entries[name] {
      let mayLeave = candidates[occupant.inode].map { $0.serial == occupant.serial } ?? false
      if mayLeave && mayWait { return false }
      if origin == nil, occupant.kind == arrival.kind, arrival.kind != .directory {
        // A file that was saved by a rename: another inode, and the same file to those who look at it.
        folder.put(name, WatchedFolder.Entry(inode: arrival.inode, kind: arrival.kind, isTold: occupant.isTold))
        tellChanged(name, of: folder)
        return true
      }
      remove(name, of: folder)
    }
    if let origin, origin.stands {
      try move(origin.name, of: origin.folder, to: folder, name)
    } else {
      enter(name, arrival.inode, arrival.kind, in: folder)
    }
    try attach(below: folder, only: name)
    return true
  }

  /// Where an arrival was moved from; nil where that is not known.
  private func origin(of arrival: Arrival) -> Doomed? {
    origin(of: arrival.inode, arrival.kind, in: arrival.folder)
  }

  private func origin(of inode: UInt64, _ kind: FileKind, in folder: WatchedFolder) -> Doomed? {
    guard let origin = candidates[inode], origin.stands, let entry = origin.folder.entries[origin.name],
      entry.kind == kind, entry.folder.map({ !$0.isGone && !folder.isInside($0) }) ?? true
    else { return nil }
    return origin
  }

  /// Enters something that has come, which may be what was moved away elsewhere.
  mutating func arrive(_ name: FileName, _ inode: UInt64, _ kind: FileKind, in folder: WatchedFolder) throws {
    if let origin = origin(of: inode, kind, in: folder) {
      try move(origin.name, of: origin.folder, to: folder, name)
    } else {
      enter(name, inode, kind, in: folder)
    }
  }
}

/// A name in a folder.
private struct Slot: Hashable {
  let folder: ObjectIdentifier
  let name: FileName

  init(_ folder: WatchedFolder, _ name: FileName) {
    self.folder = ObjectIdentifier(folder)
    self.name = name
  }
}
