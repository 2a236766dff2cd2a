internal import BerthProtocol
internal import Platform

/// What is in two manifests at one path.
struct ManifestPair {
  let before: SnapshotManifest.Entry?
  let after: SnapshotManifest.Entry?

  /// Goes through two manifests side by side, path by path.
  static func forEach(
    _ before: [SnapshotManifest.Entry], _ after: [SnapshotManifest.Entry], _ body: (ManifestPair) throws -> Void
  ) rethrows {
    var one = before.startIndex
    var other = after.startIndex
    while one < before.endIndex || other < after.endIndex {
      let left = one < before.endIndex ? before[one] : nil
      let right = other < after.endIndex ? after[other] : nil
      if let left, let right, left.path == right.path {
        try body(ManifestPair(before: left, after: right))
        one += 1
        other += 1
      } else if let left, right.map({ left.path < $0.path }) ?? true {
        try body(ManifestPair(before: left, after: nil))
        one += 1
      } else {
        try body(ManifestPair(before: nil, after: right))
        other += 1
      }
    }
  }

  /// How the entry changed; nil where it did not, the time of its last change aside.
  var change: SnapshotChange? {
    guard let entry = after ?? before else { return nil }
    let kind: ChangeKind
    switch (before?.kind, after?.kind) {
    case (nil, _): kind = .added
    case (_, nil): kind = .removed
    case (.file(let one, _), .file(let other, _)) where one != other: kind = .modified
    case (.link(let one), .link(let other)) where one != other: kind = .modified
    case (.file, .file), (.directory, .directory), (.link, .link):
      // A link has no permissions of its own.
      guard !entry.isLink, before?.permissions != after?.permissions else { return nil }
      kind = .permissions
    default: kind = .retyped
    }
    return SnapshotChange(
      path: entry.path.string, change: kind, type: entry.type, sizeBefore: before?.size, sizeAfter: after?.size)
  }
}

extension SnapshotManifest {
  /// What changed from this manifest to another one, by path. The folder itself does not count.
  func changes(to other: SnapshotManifest) -> [SnapshotChange] {
    var changes: [SnapshotChange] = []
    ManifestPair.forEach(entries, other.entries) { pair in
      let isTop = (pair.before ?? pair.after)?.path.isRoot ?? true
      if !isTop, let change = pair.change { changes.append(change) }
    }
    return changes
  }
}

extension SnapshotManifest.Entry {
  fileprivate var isLink: Bool {
    if case .link = kind { return true }
    return false
  }

  fileprivate var type: FileType {
    switch kind {
    case .file: .file
    case .directory: .directory
    case .link: .symlink
    }
  }

  fileprivate var size: Int? {
    switch kind {
    case .file(_, let size): Int(size)
    case .link(let target): target.count
    case .directory: nil
    }
  }
}
