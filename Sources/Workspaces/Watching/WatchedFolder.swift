internal import Platform

/// A folder that a watch watches, as it was told to those who follow. Used with the service's lock held.
final class WatchedFolder {
  /// What a folder holds.
  struct Entry {
    var inode: UInt64
    var kind: FileKind
    /// Whether followers were told of it; else it is a folder in which there may be something to tell.
    var isTold: Bool
    /// nil for what is no folder, or none that is watched.
    var folder: WatchedFolder?
    /// Tells it from those that had its place before; numbers of inodes are given out again at once.
    fileprivate(set) var serial: UInt64 = 0
  }

  let watch: FolderWatch
  /// nil for the watch's own folder, and for one that is no longer watched.
  private(set) weak var parent: WatchedFolder?
  private(set) var name: FileName?
  /// nil while it is not with inotify.
  var id: Inotify.Watch?
  /// Which folder it is; nil before it was opened.
  var identity: FileIdentity?
  private(set) var entries: [FileName: Entry] = [:]
  var rules: IgnoreRules?

  /// An entry as it was known, wherever it may be by now.
  struct Origin {
    let folder: WatchedFolder
    let name: FileName
    let serial: UInt64

    /// The entry, where it still is in the picture.
    var entry: Entry? {
      guard let entry = folder.entries[name], entry.serial == serial, folder.isAttached else { return nil }
      return entry
    }
  }

  /// What inotify has told of an entry and was not looked at yet.
  struct Mark {
    let name: FileName
    var kinds: Inotify.Kinds = []
    /// What should have that name by now, as far as it was known before: followed through all its moves.
    var origin: Origin?
  }

  /// In the order in which they came.
  private(set) var marks: [Mark] = []
  /// Where to find a name among the marks.
  private var markIndexes: [FileName: Int] = [:]
  /// Whether all of it is to be looked at.
  private(set) var needsListing = false

  init(_ watch: FolderWatch) {
    self.watch = watch
  }

  /// Below the workspace's folder.
  var path: RelativePath {
    var names: [FileName] = []
    var folder = self
    while let name = folder.name, let parent = folder.parent {
      names.append(name)
      folder = parent
    }
    return names.reversed().reduce(watch.start) { $0.appending($1.bytes) }
  }

  /// How far below the watch's own folder it is.
  var depth: Int { sequence(first: self, next: \.parent).reduce(-1) { count, _ in count + 1 } }

  /// Whether it was watched, and inotify has told that it is no more.
  var isGone: Bool { identity != nil && id == nil }

  /// Whether it still belongs to its watch.
  var isAttached: Bool { isInside(watch.folder) }

  /// Whether it is `folder` or below it.
  func isInside(_ folder: WatchedFolder?) -> Bool {
    sequence(first: self, next: \.parent).contains { $0 === folder }
  }

  // MARK: Entries

  /// Enters something, in place of what has that name.
  func put(_ name: FileName, _ entry: Entry) {
    var entry = entry
    watch.lastSerial += 1
    entry.serial = watch.lastSerial
    entries[name] = entry
    entry.folder?.parent = self
    entry.folder?.name = name
  }

  /// Takes something out. A folder keeps what is below it.
  @discardableResult
  func take(_ name: FileName) -> Entry? {
    let entry = entries.removeValue(forKey: name)
    entry?.folder?.parent = nil
    return entry
  }

  func update(_ name: FileName, _ change: (inout Entry) -> Void) {
    guard entries[name] != nil else { return }
    change(&entries[name, default: Entry(inode: 0, kind: .other, isTold: false, folder: nil)])
  }

  /// Itself and all watched folders below it, from the top down.
  var all: [WatchedFolder] {
    var found = [self]
    var index = 0
    while index < found.count {
      found += found[index].entries.values.compactMap(\.folder)
      index += 1
    }
    return found
  }

  // MARK: Marks

  /// Notes that an entry is to be looked at.
  ///
  /// - Parameter cookie: The same for both ends of a move.
  func mark(_ name: FileName, _ kinds: Inotify.Kinds, cookie: UInt32 = 0) {
    let index = markIndexes[name] ?? marks.count
    if index == marks.count {
      markIndexes[name] = index
      marks.append(Mark(name: name, origin: entries[name].map { Origin(folder: self, name: name, serial: $0.serial) }))
    }
    marks[index].kinds.formUnion(kinds)
    if kinds.contains(.movedFrom) { watch.departures[cookie] = marks[index].origin }
    if kinds.contains(.movedTo) {
      marks[index].origin = watch.departures.removeValue(forKey: cookie)
    } else if !kinds.isDisjoint(with: [.created, .deleted, .movedFrom]) {
      marks[index].origin = nil
    }
    watch.note(self)
  }

  /// Notes that everything in it is to be looked at.
  func markAll() {
    needsListing = true
    watch.note(self)
  }

  /// What was noted about an entry.
  func mark(of name: FileName) -> Mark { markIndexes[name].map { marks[$0] } ?? Mark(name: name) }

  /// Forgets what was noted: it was looked at.
  func clearMarks() {
    marks = []
    markIndexes = [:]
    needsListing = false
  }
}
