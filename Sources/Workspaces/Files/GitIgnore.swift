package import Platform

/// What one `.gitignore` file says, as gitignore(5) has it. It speaks of what is below the folder it is in.
struct GitIgnore: Sendable {
  private struct Rule: Sendable {
    let glob: Glob
    /// `!`: what earlier rules leave out is taken in again.
    let takesIn: Bool
  }

  /// In the order of the file: the last one that matches decides.
  private let rules: [Rule]

  init(parsing text: some Collection<UInt8>) {
    var rules: [Rule] = []
    var text = text[...]
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    for line in text.split(separator: UInt8(ascii: "\n")) {
      var line = Array(line)[...]
      if line.first == UInt8(ascii: "#") { continue }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      Self.removeTrailingSpaces(&line)
      let takesIn = line.first == UInt8(ascii: "!")
      if takesIn { line.removeFirst() }
      if let glob = Glob(line) { rules.append(Rule(glob: glob, takesIn: takesIn)) }
    }
    self.rules = rules
  }

  /// Spaces at the end of a line do not count, unless a backslash stands before them.
  private static func removeTrailingSpaces(_ line: inout ArraySlice<UInt8>) {
    while line.last == UInt8(ascii: " ") {
      let backslashes = line.dropLast().reversed().prefix { $0 == UInt8(ascii: "\\") }.count
      if !backslashes.isMultiple(of: 2) { return }
      line.removeLast()
    }
  }

  var isEmpty: Bool { rules.isEmpty }

  /// Whether the path that consists of `names`, below the file's folder, is left out; nil where no rule speaks of it.
  func leavesOut(_ names: ArraySlice<ArraySlice<UInt8>>, isFolder: Bool) -> Bool? {
    rules.last { $0.glob.matches(names, isFolder: isFolder) }.map { !$0.takesIn }
  }
}

/// The `.gitignore` files that count in a folder: its own and those of the folders above it.
///
/// A folder's rules go before those of the folders above it, and `.git/info/exclude` comes last. A folder with a `.git`
/// of its own is another repository: what is written above it does not count in it. Files that the user's git
/// configuration names do not count.
package final class IgnoreRules: Sendable {
  private let parent: IgnoreRules?
  /// How many parts the folder's path has.
  private let depth: Int
  private let file: GitIgnore
  private let exclude: GitIgnore

  /// The file whose rules count in its folder.
  package static let fileName: FileName = ".gitignore"
  /// What a repository keeps itself in.
  package static let repositoryName: FileName = ".git"

  /// Whether the rules in a folder depend on the entry of that name.
  package static func isRead(_ name: FileName) -> Bool { name == fileName || name == repositoryName }

  /// Larger files are taken for something else and not read.
  private static let maxFileBytes = 4 << 20

  private init(parent: IgnoreRules?, depth: Int, file: GitIgnore, exclude: GitIgnore) {
    self.parent = parent
    self.depth = depth
    self.file = file
    self.exclude = exclude
  }

  /// The rules in a folder.
  ///
  /// - Parameters:
  ///   - directory: The folder.
  ///   - depth: How many parts its path has.
  ///   - parent: The rules in the folder above; nil for none.
  ///   - entries: What the folder holds, where that is known: nothing is looked for in vain then.
  package static func rules(
    in directory: Directory, depth: Int, below parent: IgnoreRules?, entries: [DirectoryEntry]? = nil
  ) -> IgnoreRules? {
    func mayHold(_ name: FileName) -> Bool { entries?.contains { $0.name == name } ?? true }
    let file = mayHold(fileName) ? read(fileName, in: directory) : GitIgnore(parsing: [])
    let isRepository = mayHold(repositoryName) && (try? directory.status(of: repositoryName)) != nil
    guard isRepository || !file.isEmpty else { return parent }
    return IgnoreRules(
      parent: isRepository ? nil : parent, depth: depth, file: file,
      exclude: isRepository ? readExclude(in: directory) : GitIgnore(parsing: []))
  }

  /// The rules in the folder at `path` beneath `root`, and in all on the way to it.
  package static func rules(beneath root: Directory, at path: RelativePath) -> IgnoreRules? {
    var rules = self.rules(in: root, depth: 0, below: nil)
    var folder = RelativePath.root
    for name in path.components {
      folder = folder.appending(name)
      guard let directory = try? root.openDirectory(folder) else { break }
      rules = self.rules(in: directory, depth: folder.depth, below: rules)
    }
    return rules
  }

  /// Whether the entry is left out, as far as it has not been with a folder above it: the caller does not go into
  /// folders that are.
  ///
  /// - Parameter names: The parts of the entry's path, from the top down.
  package func leavesOut(_ names: [ArraySlice<UInt8>], isFolder: Bool) -> Bool {
    if let answer = file.leavesOut(names[depth...], isFolder: isFolder) { return answer }
    if let parent { return parent.leavesOut(names, isFolder: isFolder) }
    return exclude.leavesOut(names[depth...], isFolder: isFolder) ?? false
  }

  private static func readExclude(in directory: Directory) -> GitIgnore {
    // `.git` is a file in worktrees and submodules; what it points to lies elsewhere.
    guard let git = try? directory.open(repositoryName, [.location, .directory]),
      let info = try? Directory(adopting: git).open("info", [.location, .directory])
    else { return GitIgnore(parsing: []) }
    return read("exclude", in: Directory(adopting: info))
  }

  /// Reads a file that is no link, as git does; what cannot be read says nothing.
  private static func read(_ name: FileName, in directory: Directory) -> GitIgnore {
    guard let file = try? directory.open(name, [.read, .nonBlocking]), let status = try? file.status(),
      status.kind == .file, status.size > 0, status.size <= maxFileBytes
    else { return GitIgnore(parsing: []) }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = (try? bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }) ?? 0
    return GitIgnore(parsing: bytes[..<count])
  }
}
