internal import Platform

/// What the `.gitignore` files that a snapshot holds left out of it.
struct SnapshotIgnore {
  private let rules: [RelativePath: GitIgnore]

  private static let maximumBytes: Int64 = 4 << 20

  /// - Parameter read: Reads the content of an entry.
  init(
    _ manifest: SnapshotManifest, read: (_ id: BlobID, _ size: Int64, _ name: String) throws -> [UInt8]
  ) rethrows {
    var rules: [RelativePath: GitIgnore] = [:]
    for entry in manifest.entries where entry.path.name == IgnoreRules.fileName.bytes {
      guard case .file(let id, let size) = entry.kind, size <= Self.maximumBytes else { continue }
      rules[entry.path.parent] = GitIgnore(parsing: try read(id, size, entry.path.string))
    }
    self.rules = rules
  }

  /// Whether an entry, or a folder above it, was left out.
  func leavesOut(_ path: RelativePath, isFolder: Bool) -> Bool {
    let names = path.components
    var above = RelativePath.root
    for depth in names.indices {
      above = above.appending(names[depth])
      let isLast = depth == names.count - 1
      if decides(above, names[...depth], isFolder: !isLast || isFolder) { return true }
    }
    return false
  }

  /// What the innermost file that speaks of an entry says.
  private func decides(_ path: RelativePath, _ names: ArraySlice<ArraySlice<UInt8>>, isFolder: Bool) -> Bool {
    var folder = path.parent
    while true {
      let depth = folder.depth
      if let answer = rules[folder]?.leavesOut(names[depth...], isFolder: isFolder) { return answer }
      if folder.isRoot { return false }
      folder = folder.parent
    }
  }
}
