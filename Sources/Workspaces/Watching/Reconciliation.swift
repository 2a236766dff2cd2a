internal import Platform

/// One look at the folders in which something has happened: finds out how what is there differs from what followers
/// were told, and tells the difference.
///
/// What inotify tells is taken as a hint where to look, not as the truth: by the time it is read, paths may mean
/// something else. Each step that is told is made in the watch's own picture at the same time, with the paths as they
/// are then: who carries out what is told has that picture, and what happens during the look brings new hints. So both
/// come to be what is there, whatever happened in between.
///
/// Something is told as moved where inotify said so, and the same inode is found at the other end.
struct Reconciliation {
  let table: WatchTable
  let watch: FolderWatch
  /// Whether what is found was there before, so that nothing of it is told.
  var isSilent = false
  /// What there is to tell, in order.
  var told: [FolderChange] = []

  /// What is somewhere and was not.
  private struct Arrival {
    let folder: WatchedFolder
    let name: FileName
    let inode: UInt64
    let kind: FileKind
    /// Where it should have come from; nil for something new.
    let origin: WatchedFolder.Origin?
  }

  /// What is no longer where it was.
  private var doomed: [WatchedFolder.Origin] = []
  private var arrivals: [Arrival] = []
  private var changed: [(folder: WatchedFolder, name: FileName)] = []
  /// Folders that are known, and can be watched from now on.
  private var opened: [(folder: WatchedFolder, name: FileName)] = []
  /// What was moved to where nobody looked, by its inode: into a new folder, or out of the watch.
  private var departed: [UInt64: WatchedFolder.Origin] = [:]

  init(_ table: WatchTable, _ watch: FolderWatch, isSilent: Bool = false) {
    self.table = table
    self.watch = watch
    self.isSilent = isSilent
  }

  /// Looks at all that is noted.
  ///
  /// - Throws: `limit_reached`, where the watch can no longer be whole.
  mutating func run() throws {
    for origin in watch.departures.values {
      if let entry = origin.entry { departed[entry.inode] = origin }
    }
    watch.departures = [:]
    // A folder that was moved is found where it is once the one above it was looked at.
    var hasProgress = true
    while hasProgress, watch.hasNotes {
      hasProgress = false
      for folder in watch.takeNotes() {
        if try look(at: folder) { hasProgress = true } else { watch.note(folder) }
      }
      try apply()
    }
    for gone in doomed where gone.entry != nil { remove(gone.name, of: gone.folder) }
    doomed = []
    watch.forgetNotesOfGone()
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
    for name in names { try compare(folder.mark(of: name), path, with: status(of: name, in: directory), folder) }
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
    _ mark: WatchedFolder.Mark, _ folderPath: RelativePath, with found: FileStatus?, _ folder: WatchedFolder
  ) throws {
    let (name, kinds) = (mark.name, mark.kinds)
    let known = folder.entries[name]
    guard let found else {
      if let known { doomed.append(WatchedFolder.Origin(folder: folder, name: name, serial: known.serial)) }
      return
    }
    let path = folderPath.appending(name.bytes)
    let tells = watch.tells(name, path, found.kind, in: folder)
    let enters = watch.enters(name, path, found.kind, in: folder)
    let arrival = Arrival(
      folder: folder, name: name, inode: found.identity.inode, kind: found.kind, origin: mark.origin)
    guard let known else {
      if tells || enters { arrivals.append(arrival) }
      return
    }
    guard tells || enters else {
      // Left out from now on. It is still there, so nothing is told.
      return remove(name, of: folder, isTold: false)
    }
    // Some file systems tell other numbers when they list a folder: without other news it is the same entry.
    let mayBeReplaced =
      known.folder?.identity != nil || !kinds.isDisjoint(with: [.created, .deleted, .movedFrom, .movedTo])
    let isSame = known.kind == found.kind && (known.inode == found.identity.inode || !mayBeReplaced)
    // The inode of what was deleted may be given to its successor: a file has changed then, a folder is another.
    let isSuccessor = known.kind == .directory && (kinds.contains(.deleted) || known.folder?.isGone == true)
    guard isSame, !isSuccessor else {
      doomed.append(WatchedFolder.Origin(folder: folder, name: name, serial: known.serial))
      return arrivals.append(arrival)
    }
    folder.update(name) { $0.inode = found.identity.inode }
    let hasReturned = mark.origin?.serial == known.serial
    if !kinds.isDisjoint(with: [.modified, .attributes, .deleted]) || (kinds.contains(.movedFrom) && !hasReturned) {
      changed.append((folder, name))
    }
    if known.isTold != tells { retell(name, of: folder, isTold: tells) }
    if enters, known.folder?.id == nil { opened.append((folder, name)) }
  }

  // MARK: Applying

  private mutating func apply() throws {
    removeDeleted()
    try settleArrivals()
    // What should be in a folder that is still to be looked at may be found there.
    let expected = Set(watch.notedOrigins.map(\.serial))
    for gone in doomed where gone.entry != nil && !expected.contains(gone.serial) { remove(gone.name, of: gone.folder) }
    doomed.removeAll { $0.entry == nil }
    for (folder, name) in changed where folder.isAttached { tellChanged(name, of: folder) }
    for (folder, name) in opened where folder.isAttached {
      guard var entry = folder.entries[name], entry.kind == .directory, entry.folder?.id == nil else { continue }
      entry.folder = WatchedFolder(watch)
      folder.put(name, entry)
      try attach(below: folder, only: name)
    }
    changed = []
    opened = []
  }

  /// Removes what has gone and has no successor; but not what may have been moved, nor folders out of which something
  /// was.
  private mutating func removeDeleted() {
    let replaced = Set(arrivals.map { Slot($0.folder, $0.name) })
    var sources: Set<ObjectIdentifier> = []
    var moved: Set<UInt64> = []
    for origin in arrivals.compactMap(\.origin) + departed.values + watch.notedOrigins {
      moved.insert(origin.serial)
      for folder in sequence(first: origin.folder, next: \.parent) { sources.insert(ObjectIdentifier(folder)) }
    }
    for gone in doomed where !moved.contains(gone.serial) && !replaced.contains(Slot(gone.folder, gone.name)) {
      guard let entry = gone.entry else { continue }
      if let folder = entry.folder, sources.contains(ObjectIdentifier(folder)) { continue }
      remove(gone.name, of: gone.folder)
    }
  }

  /// Enters what has come, as far as its place is free; what stands there may be moved away by another arrival.
  private mutating func settleArrivals() throws {
    while !arrivals.isEmpty {
      let open = arrivals
      arrivals = []
      let leaving = Set(open.compactMap(\.origin?.serial)).union(departed.values.map(\.serial))
      var waiting: [Arrival] = []
      for arrival in open where try !settle(arrival, leaving) { waiting.append(arrival) }
      if waiting.count == open.count, let first = waiting.first {
        // They wait for each other: entries that were exchanged.
        _ = try settle(first, [])
        waiting.removeFirst()
      }
      arrivals += waiting
    }
  }

  /// Enters one arrival. Returns false where something in its place is to leave first.
  ///
  /// - Parameter leaving: Those that may be moved away yet.
  private mutating func settle(_ arrival: Arrival, _ leaving: Set<UInt64>) throws -> Bool {
    let (folder, name) = (arrival.folder, arrival.name)
    guard folder.isAttached else { return true }
    var origin = arrival.origin.flatMap { isAt($0, arrival.inode, arrival.kind, in: folder) ? $0 : nil }
    if let occupant = folder.entries[name] {
      if leaving.contains(occupant.serial) { return false }
      if origin == nil, occupant.kind == arrival.kind, arrival.kind != .directory {
        // A file that was saved by a rename: another inode, and the same file to those who look at it.
        folder.put(name, WatchedFolder.Entry(inode: arrival.inode, kind: arrival.kind, isTold: occupant.isTold))
        tellChanged(name, of: folder)
        return true
      }
      remove(name, of: folder)
      // It may have been below what was just removed.
      if origin?.entry == nil { origin = nil }
    }
    if let origin {
      move(origin.name, of: origin.folder, to: folder, name)
    } else {
      enter(name, arrival.inode, arrival.kind, in: folder)
    }
    try attach(below: folder, only: name)
    return true
  }

  /// Whether a known entry is what was found in a folder.
  private func isAt(
    _ origin: WatchedFolder.Origin, _ inode: UInt64, _ kind: FileKind, in folder: WatchedFolder
  ) -> Bool {
    guard let entry = origin.entry, entry.inode == inode, entry.kind == kind else { return false }
    return entry.folder.map { !$0.isGone && !folder.isInside($0) } ?? true
  }

  /// Enters something that was found in a new folder, which may be what was moved away elsewhere.
  mutating func arrive(_ name: FileName, _ inode: UInt64, _ kind: FileKind, in folder: WatchedFolder) {
    if let origin = departed[inode], isAt(origin, inode, kind, in: folder) {
      departed[inode] = nil
      move(origin.name, of: origin.folder, to: folder, name)
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
