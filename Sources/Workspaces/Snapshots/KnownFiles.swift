internal import Crypto
internal import Platform

/// What files of a workspace were found to hold, by what the system tells of them without reading them.
///
/// A file that is the same one, of the same size, times and permissions, holds what it held: the time of its last change
/// cannot be set by a program. A change within the clock's tick of the reading could not be told, so what was changed
/// just before it was read is not kept. It is only a shortcut: lost or damaged, everything is read again.
struct KnownFiles: Sendable {
  private struct State: Hashable {
    let size: Int64
    let modified: Int64
    let changed: Int64
    let permissions: UInt32

    init(size: Int64, modified: Int64, changed: Int64, permissions: UInt32) {
      self.size = size
      self.modified = modified
      self.changed = changed
      self.permissions = permissions
    }

    init(_ status: FileStatus) {
      self.init(
        size: status.size, modified: status.modified, changed: status.changed, permissions: status.permissions)
    }
  }

  private var files: [FileIdentity: (state: State, id: BlobID)] = [:]

  /// Longer than any clock's tick.
  private static let graceNanoseconds: Int64 = 100_000_000
  private static let heading = Array("berth known 1\n".utf8)

  init() {}

  /// What a file holds, where that is known.
  func content(of status: FileStatus) -> BlobID? {
    guard let known = files[status.identity], known.state == State(status) else { return nil }
    return known.id
  }

  /// Keeps what a file was found to hold.
  ///
  /// - Parameter readAt: When reading it began, in nanoseconds since 1970.
  mutating func add(_ status: FileStatus, _ id: BlobID, readAt: Int64) {
    guard status.changed < readAt - Self.graceNanoseconds else { return }
    files[status.identity] = (State(status), id)
  }

  // MARK: On disk

  /// What was kept in that file; nothing where that cannot be read.
  init(reading place: Place) {
    guard let bytes = try? Self.bytes(of: place), bytes.starts(with: Self.heading),
      bytes.count >= Self.heading.count + BlobID.byteCount
    else { return }
    let content = Array(bytes.dropLast(BlobID.byteCount))
    guard BlobID(SHA256.hash(data: content)) == BlobID(bytes.suffix(BlobID.byteCount)) else { return }
    do throws(ByteReader.Damaged) {
      var reader = ByteReader(content, from: Self.heading.count)
      while !reader.isAtEnd {
        let identity = FileIdentity(device: try reader.number(), inode: try reader.number())
        let state = State(
          size: try reader.signed(), modified: try reader.signed(), changed: try reader.signed(),
          permissions: UInt32(truncatingIfNeeded: try reader.number()))
        guard let id = BlobID(try reader.raw(BlobID.byteCount)) else { throw ByteReader.Damaged() }
        files[identity] = (state, id)
      }
    } catch {
      files = [:]
    }
  }

  private static func bytes(of place: Place) throws -> [UInt8] {
    let file = try place.directory.open(place.name, [.read])
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
    bytes.removeSubrange(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }...)
    return bytes
  }

  func write(to place: Place) throws {
    var writer = ByteWriter()
    writer.raw(Self.heading)
    for (identity, known) in files {
      writer.number(identity.device)
      writer.number(identity.inode)
      writer.signed(known.state.size)
      writer.signed(known.state.modified)
      writer.signed(known.state.changed)
      writer.number(UInt64(known.state.permissions))
      writer.raw(known.id.bytes)
    }
    writer.raw(BlobID(SHA256.hash(data: writer.bytes)).bytes)
    let file = try StagedFile(in: place.directory)
    try writer.bytes.withUnsafeBytes { try file.descriptor.write($0) }
    _ = try file.commit(as: place.name, .replace)
  }
}
