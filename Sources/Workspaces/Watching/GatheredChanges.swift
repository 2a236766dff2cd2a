internal import BerthProtocol
internal import Platform

/// One change, as a watch tells it.
struct FolderChange: Sendable, Hashable {
  enum What: Sendable, Hashable {
    case created
    case changed
    case deleted
    case moved(from: RelativePath)
  }

  var what: What
  /// Below the workspace's folder; the new one of a move.
  var path: RelativePath
  var kind: FileKind
}

/// Changes in the order in which they came, of which those that cancel each other, or repeat each other, are told as
/// one or not at all.
///
/// Whoever carries the changes out one by one ends with what is there. What is new and then changed is told as new, what
/// is new and then gone is not told, what is gone and then there again is told as changed. A file that is moved takes
/// what was told of it along. Folders that are moved are told as they come: what is below them has changes of its own.
struct GatheredChanges {
  /// nil for those that were taken back.
  private var changes: [FolderChange?] = []
  /// For each path, the changes that it is the path of, or the origin of, in their order.
  private var histories: [RelativePath: [Int]] = [:]
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// Something is there that was not.
  mutating func created(_ path: RelativePath, _ kind: FileKind) {
    if let (index, last) = last(of: path), last.what == .deleted, last.kind == kind, kind != .directory {
      takeBack(index)
      changed(path, kind)
    } else {
      append(FolderChange(what: .created, path: path, kind: kind))
    }
  }

  /// Its content or its mode is another.
  mutating func changed(_ path: RelativePath, _ kind: FileKind) {
    if let (_, last) = last(of: path), last.path == path, last.what == .created || last.what == .changed { return }
    append(FolderChange(what: .changed, path: path, kind: kind))
  }

  /// It is gone. What was below a folder is gone already, or is taken back with `takeBack(below:)`.
  mutating func deleted(_ path: RelativePath, _ kind: FileKind) {
    _ = takeBackChanged(path)
    if let (index, last) = last(of: path), last.path == path {
      if last.what == .created { return takeBack(index) }
      if case .moved(let origin) = last.what, kind != .directory { return replaceMove(index, byDeletionOf: origin, kind) }
    }
    append(FolderChange(what: .deleted, path: path, kind: kind))
  }

  /// It has another path.
  ///
  /// - Parameter replaced: what had that path before; nil for nothing.
  mutating func moved(_ origin: RelativePath, to path: RelativePath, _ kind: FileKind, replacing replaced: FileKind?) {
    guard kind != .directory else {
      if let replaced { deleted(path, replaced) }
      return append(FolderChange(what: .moved(from: origin), path: path, kind: kind))
    }
    let wasChanged = takeBackChanged(origin)
    let before = last(of: origin)
    if let (index, last) = before, last.path == origin, last.what == .created {
      takeBack(index)
      if replaced != nil { changed(path, kind) } else { created(path, kind) }
      return
    }
    if let replaced { deleted(path, replaced) }
    var first = origin
    if let (index, last) = before, last.path == origin, case .moved(let earlier) = last.what,
      // Only where nothing else has had either path since: three moves that exchange two files stay three.
      self.last(of: earlier)?.index == index, (self.last(of: path)?.index ?? -1) <= index
    {
      takeBack(index)
      first = earlier
    }
    if first != path { append(FolderChange(what: .moved(from: first), path: path, kind: kind)) }
    if wasChanged { changed(path, kind) }
  }

  /// A file was moved and then deleted: it was deleted where it came from, at the time when it was moved.
  private mutating func replaceMove(_ index: Int, byDeletionOf origin: RelativePath, _ kind: FileKind) {
    changes[index] = FolderChange(what: .deleted, path: origin, kind: kind)
    // What has been put in its place since is the same file with another content: so do some editors save.
    if let (later, last) = last(of: origin), later > index, last.what == .created, last.kind == kind {
      takeBack(index)
      takeBack(later)
      changed(origin, kind)
    }
  }

  /// A folder has left with all that it holds: what was new or changed below it need not be told.
  mutating func takeBack(below folder: RelativePath) {
    for (index, change) in changes.enumerated() {
      guard let change, change.path != folder, folder.contains(change.path) else { continue }
      if change.what == .created || change.what == .changed { takeBack(index) }
    }
  }

  /// Hands the changes out and begins anew.
  mutating func drain() -> [FolderChange] {
    defer { self = GatheredChanges() }
    return changes.compactMap(\.self)
  }

  private mutating func append(_ change: FolderChange) {
    histories[change.path, default: []].append(changes.count)
    if case .moved(let origin) = change.what { histories[origin, default: []].append(changes.count) }
    changes.append(change)
    count += 1
  }

  private mutating func takeBack(_ index: Int) {
    if changes[index] != nil { count -= 1 }
    changes[index] = nil
  }

  /// The last change that stands of a path.
  private mutating func last(of path: RelativePath) -> (index: Int, change: FolderChange)? {
    while let index = histories[path]?.last {
      if let change = changes[index], change.path == path || change.what == .moved(from: path) { return (index, change) }
      histories[path]?.removeLast()
    }
    return nil
  }

  /// Takes back that a path has changed. Returns whether it had.
  private mutating func takeBackChanged(_ path: RelativePath) -> Bool {
    guard let (index, last) = last(of: path), last.path == path, last.what == .changed else { return false }
    takeBack(index)
    return true
  }
}
