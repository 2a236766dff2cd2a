internal import Platform

/// What a snapshot holds: every entry of the folder, by path, the folder itself first.
struct SnapshotManifest: Sendable, Hashable {
  struct Entry: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
      case file(BlobID, size: Int64)
      case directory
      case link([UInt8])
    }

    var path: RelativePath
    var kind: Kind
    var permissions: UInt32
    /// In nanoseconds since 1970.
    var modified: Int64

    var isDirectory: Bool { kind == .directory }
  }

  var entries: [Entry]

  /// The entry at a path.
  subscript(path: RelativePath) -> Entry? {
    let index = self.index(of: path)
    return index < entries.count && entries[index].path == path ? entries[index] : nil
  }

  /// Where an entry is, or would be.
  private func index(of path: RelativePath) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].path < path { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The contents of its files, each once.
  var blobs: [BlobID: Int64] {
    var blobs: [BlobID: Int64] = [:]
    for case .file(let id, let size) in entries.lazy.map(\.kind) { blobs[id] = size }
    return blobs
  }
}

// MARK: - As it is stored

// Entry after entry: how many bytes of the path are those of the one before, the rest of the path, the kind,
// permissions, time, and then the content's size and name, or what the link holds.
extension SnapshotManifest {
  private static let heading = Array("berth manifest 1\n".utf8)

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(Self.heading)
    writer.number(UInt64(entries.count))
    var before: [UInt8] = []
    for entry in entries {
      let path = entry.path.bytes
      let shared = zip(before, path).prefix { $0 == $1 }.count
      writer.number(UInt64(shared))
      writer.string(path[shared...])
      before = path
      writer.number(entry.kind.code)
      writer.number(UInt64(entry.permissions))
      writer.signed(entry.modified)
      switch entry.kind {
      case .file(let id, let size):
        writer.number(UInt64(size))
        writer.raw(id.bytes)
      case .link(let target): writer.string(target)
      case .directory: break
      }
    }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(ByteReader.Damaged) {
    guard bytes.starts(with: Self.heading) else { throw ByteReader.Damaged() }
    var reader = ByteReader(bytes, from: Self.heading.count)
    let count = try reader.number()
    entries = []
    entries.reserveCapacity(Int(min(count, UInt64(bytes.count))))
    var before: [UInt8] = []
    for _ in 0..<count {
      let shared = try reader.number()
      guard shared <= UInt64(before.count) else { throw ByteReader.Damaged() }
      before.removeSubrange(Int(shared)...)
      before += try reader.string()
      entries.append(try Entry(path: before, from: &reader))
    }
  }
}

extension SnapshotManifest.Entry {
  fileprivate init(path bytes: [UInt8], from reader: inout ByteReader) throws(ByteReader.Damaged) {
    do {
      path = try RelativePath(bytes: bytes)
    } catch {
      throw ByteReader.Damaged()
    }
    let code = try reader.number()
    permissions = UInt32(truncatingIfNeeded: try reader.number())
    modified = try reader.signed()
    switch code {
    case 0:
      let size = Int64(truncatingIfNeeded: try reader.number())
      guard let id = BlobID(try reader.raw(BlobID.byteCount)) else { throw ByteReader.Damaged() }
      kind = .file(id, size: size)
    case 1: kind = .directory
    case 2: kind = .link(Array(try reader.string()))
    default: throw ByteReader.Damaged()
    }
  }
}

extension SnapshotManifest.Entry.Kind {
  fileprivate var code: UInt64 {
    switch self {
    case .file: 0
    case .directory: 1
    case .link: 2
    }
  }
}
