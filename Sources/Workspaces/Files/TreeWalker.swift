package import Platform

/// Goes through what is below a folder, in the order of paths: a folder, what it holds, then what stands behind it.
///
/// Folders are opened one name after the other from the descriptor of the one above, and links are told, never
/// followed: nothing that is changed meanwhile leads the walk elsewhere. One folder's names are in memory at a time, for
/// each level. What goes away during the walk is passed over. Names of Berth's own are left out.
package struct TreeWalker {
  /// The folder that paths are told from.
  package let root: Directory
  /// The folder to begin in, whose own entry is not told.
  package var start = RelativePath.root
  /// How many levels to go down; 1 for the entries of `start` alone.
  package var maxDepth = Int.max
  /// Only what comes behind this path is told: the last one that an earlier walk told. It need not be there any more.
  package var after: RelativePath?
  /// Whether to leave out what `.gitignore` files name, and `.git`.
  package var gitignore = false
  /// Called before a folder is gone into, those above `after` included; false passes over what it holds.
  package var enters: (Entry) throws -> Bool = { _ in true }
  /// Called for a folder that cannot be read; what it throws ends the walk.
  package var unreadable: (RelativePath, SystemError) throws -> Void = { throw $1.about($0.description) }

  package init(root: Directory) {
    self.root = root
  }

  /// Something in a folder.
  package struct Entry {
    /// Below the walk's root.
    package let path: RelativePath
    /// The folder that it is in, open.
    package let directory: Directory
    package let name: FileName
    package let kind: FileKind

    /// What it is now. Throws `ENOENT` where it has gone.
    package func status() throws(SystemError) -> FileStatus { try directory.status(of: name) }
  }

  /// Calls `visit` with each entry until that returns false.
  package func walk(_ visit: (Entry) throws -> Bool) throws {
    var walk = Walk(walker: self)
    try walk.begin()
    while let (entry, isNew) = try walk.next() {
      if isNew, try !visit(entry) { return }
      if entry.kind == .directory, walk.depth < maxDepth, try enters(entry) { try walk.enter(entry) }
    }
  }
}

/// A walk on its way.
private struct Walk {
  /// A folder that is being gone through.
  private struct Level {
    let path: RelativePath
    /// nil while the folder is closed, and opened again when the walk comes back to it.
    var directory: Directory?
    let entries: [DirectoryEntry]
    var index = 0
    let rules: IgnoreRules?
    /// The name at which the walk comes in: that of `after` or of a folder above it, which were told before. Only the
    /// first entry can have it.
    var resumption: FileName?
  }

  /// How many folders are open at once; those above are closed meanwhile.
  private static let maxOpen = 32
  /// Longer paths cannot be named in one system call.
  private static let maxPathBytes = 4095

  private let walker: TreeWalker
  private var levels: [Level] = []
  /// The parts of `after` that the levels below the last one will come in at.
  private var resumption: ArraySlice<FileName> = []

  init(walker: TreeWalker) {
    self.walker = walker
  }

  var depth: Int { levels.count }

  mutating func begin() throws {
    let start = walker.start
    if let after = walker.after, start.contains(after) {
      resumption = after.relative(to: start).components.compactMap { FileName($0) }[...]
    } else if let after = walker.after, start < after {
      // All of it was told.
      return
    }
    let (directory, entries) = try walker.root.listing(start)
    let above =
      walker.gitignore && !start.isRoot ? IgnoreRules.rules(beneath: walker.root, at: start.parent) : nil
    push(start, directory, entries, below: above)
  }

  /// The next entry, and whether it is one to tell.
  mutating func next() throws -> (TreeWalker.Entry, isNew: Bool)? {
    while let last = levels.indices.last {
      guard levels[last].index < levels[last].entries.count else {
        levels.removeLast()
        continue
      }
      let found = levels[last].entries[levels[last].index]
      levels[last].index += 1
      let isOnPath = levels[last].resumption == found.name
      levels[last].resumption = nil
      if !isOnPath { resumption = [] }
      if let entry = try entry(found, in: last) { return (entry, isNew: !isOnPath) }
    }
    return nil
  }

  /// Goes into the folder that `next` returned last.
  mutating func enter(_ entry: TreeWalker.Entry) throws {
    guard entry.path.bytes.count < Self.maxPathBytes, let level = levels.last else { return }
    do throws(SystemError) {
      let (directory, entries) = try entry.directory.listing(of: entry.name)
      push(entry.path, directory, entries, below: level.rules)
    } catch {
      try report(error, at: entry.path)
    }
  }

  private mutating func push(
    _ path: RelativePath, _ directory: Directory, _ entries: [DirectoryEntry], below rules: IgnoreRules?
  ) {
    let rules =
      walker.gitignore
      ? IgnoreRules.rules(in: directory, depth: path.depth, below: rules, entries: entries) : nil
    let first = resumption.popFirst()
    var entries = entries.filter { !$0.name.isStaging }
    if let first { entries.removeAll { $0.name < first } }
    entries.sort { $0.name < $1.name }
    levels.append(
      Level(path: path, directory: directory, entries: entries, rules: rules, resumption: first))
    if levels.count > Self.maxOpen { levels[levels.count - Self.maxOpen - 1].directory = nil }
  }

  /// What is there, as far as it is there and counts.
  private mutating func entry(_ found: DirectoryEntry, in index: Int) throws -> TreeWalker.Entry? {
    let level = levels[index]
    if walker.gitignore && found.name == IgnoreRules.repositoryName { return nil }
    let path = level.path.appending(found.name.bytes)
    do throws(SystemError) {
      let directory =
        if let open = level.directory { open } else { try walker.root.openDirectory(unlinked: level.path) }
      levels[index].directory = directory
      let kind = if let kind = found.kind { kind } else { try directory.status(of: found.name).kind }
      if let rules = level.rules, rules.leavesOut(path.components, isFolder: kind == .directory) { return nil }
      return TreeWalker.Entry(path: path, directory: directory, name: found.name, kind: kind)
    } catch {
      try report(error, at: path)
      return nil
    }
  }

  /// What went away, or gave its place to something else, was not to be seen.
  private func report(_ error: SystemError, at path: RelativePath) throws {
    let gone = [SystemError.Code.notFound, SystemError.Code.notDirectory, SystemError.Code.tooManyLinks]
    if !gone.contains(error.errno) { try walker.unreadable(path, error) }
  }
}
