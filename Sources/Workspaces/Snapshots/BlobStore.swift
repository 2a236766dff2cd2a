internal import BerthProtocol
internal import Crypto
internal import Glibc
internal import Platform
internal import Synchronization

/// Contents of files, each stored once in a home, by what they are: `blobs/ab/abcd…`.
///
/// A content is written under another name and gets its own when it is complete. Whoever is about to refer to contents
/// does so in a session, which keeps what it has touched from being removed until the reference is written down.
final class BlobStore: Sendable {
  let root: Directory
  private let temporary: Directory
  private let durability: Durability
  private let pins = Mutex(Pins())
  private let names = Atomic<Int>(0)
  private let shards = Mutex([Directory?](repeating: nil, count: 256))

  /// What running sessions have touched.
  private struct Pins {
    var sessions = 0
    var blobs: Set<BlobID> = []
  }

  /// How many contents are removed without a pause for sessions.
  private static let batch = 64

  /// Where contents are written.
  private static let temporaryName: FileName = "temporary"

  /// - Parameter path: The folder; it is made where it is missing.
  init(path: String, durability: Durability) throws {
    try Home.createPrivateFolder(path)
    root = try Directory(path: path)
    temporary = try root.makeDirectories(RelativePath("temporary"), permissions: 0o700).directory
    self.durability = durability
  }

  /// Waits, where that is wanted, until all that was stored is on the disk.
  func synchronize() throws {
    if durability == .full { try root.synchronizeFileSystem() }
  }

  // MARK: Sessions

  /// Keeps what `body` stores or finds from being removed until it has returned.
  func withSession<Result>(_ body: (BlobSession) throws -> Result) throws -> Result {
    let mark = temporaryFileName("session")
    // Found at the next start, it tells that contents may have been stored that nothing refers to.
    _ = try temporary.open(mark, [.write, .create, .exclusive], permissions: 0o600)
    pins.withLock { $0.sessions += 1 }
    defer {
      pins.withLock { pins in
        pins.sessions -= 1
        if pins.sessions == 0 { pins.blobs = [] }
      }
      try? temporary.removeFile(mark)
    }
    return try body(BlobSession(store: self))
  }

  fileprivate func pin(_ id: BlobID) {
    pins.withLock { _ = $0.blobs.insert(id) }
  }

  /// Removes contents, except those that are needed and those that a session has touched.
  ///
  /// - Parameter needed: Tells which of some contents are referred to.
  /// - Returns: Those that are gone.
  func remove(_ ids: [BlobID], unless needed: ([BlobID]) throws -> Set<BlobID>) throws -> [BlobID] {
    var gone: [BlobID] = []
    for start in stride(from: 0, to: ids.count, by: Self.batch) {
      let batch = Array(ids[start..<min(ids.count, start + Self.batch)])
      // With the lock held nothing is touched and no session ends: what was touched before is either pinned, or its
      // reference is written down. What is touched later is found gone and stored anew.
      gone += try pins.withLock { pins in
        let kept = try needed(batch).union(pins.blobs.intersection(batch))
        return try batch.filter { try !kept.contains($0) && remove($0) }
      }
    }
    return gone
  }

  private func remove(_ id: BlobID) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try withPlace(of: id) { place throws(SystemError) in try place.directory.removeFile(place.name) }
    } catch {
      if error.errno != ENOENT { throw error }
    }
    return true
  }

  /// Removes what is left of writing that was broken off.
  ///
  /// - Returns: Whether contents may have been stored that nothing refers to.
  func clearTemporary() throws -> Bool {
    var hadSession = false
    for entry in try temporary.entries() {
      hadSession = hadSession || entry.name.hasPrefix("session")
      try temporary.removeTree(entry.name)
    }
    return hadSession
  }

  /// All contents whose first byte is that one.
  func all(inShard shard: UInt8) throws -> [BlobID] {
    guard let name = Self.shardName(shard), (try? root.status(of: name)) != nil else { return [] }
    return try root.listing(of: name).entries.compactMap { BlobID(hexadecimal: $0.name.bytes) }
  }

  // MARK: Places

  /// Does something where a content has its place, and once more where the folder of its shard was removed under us.
  private func withPlace<Result>(
    of id: BlobID, _ body: (Place) throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    guard let name = FileName(id.hexadecimal) else { throw SystemError(errno: EINVAL, operation: "openat") }
    let folder = try folder(ofShard: id.shard)
    do throws(SystemError) {
      return try body(Place(directory: folder, name: name))
    } catch {
      guard error.errno == ENOENT, try folder.status().links == 0 else { throw error }
      shards.withLock { if $0[Int(id.shard)] === folder { $0[Int(id.shard)] = nil } }
      return try body(Place(directory: try self.folder(ofShard: id.shard), name: name))
    }
  }

  private func folder(ofShard shard: UInt8) throws(SystemError) -> Directory {
    if let folder = shards.withLock({ $0[Int(shard)] }) { return folder }
    guard let name = Self.shardName(shard) else { throw SystemError(errno: EINVAL, operation: "openat") }
    do {
      try root.makeDirectory(name, permissions: 0o700)
    } catch {
      if error.errno != EEXIST { throw error }
    }
    let folder = Directory(adopting: try root.open(name, [.location, .directory]))
    shards.withLock { $0[Int(shard)] = folder }
    return folder
  }

  private static func shardName(_ shard: UInt8) -> FileName? {
    let digits = Array("0123456789abcdef".utf8)
    return FileName([digits[Int(shard >> 4)], digits[Int(shard & 15)]])
  }

  private func temporaryFileName(_ word: String) -> FileName {
    FileName("\(word)-\(names.wrappingAdd(1, ordering: .relaxed).newValue)") ?? "session"
  }

  /// Whether a content is stored; one that was cut off, by a loss of power, is not.
  fileprivate func holds(_ id: BlobID, size: Int64) throws(SystemError) -> Bool {
    try withPlace(of: id) { place throws(SystemError) in try place.status() }?.size == size
  }

  /// Makes a file to write a content to, and gives it its own name when `body` has told what it is.
  ///
  /// - Returns: The content, and whether it was not there before.
  fileprivate func store(
    _ body: (OwnedDescriptor) throws -> (BlobID, Int64)
  ) throws -> (id: BlobID, size: Int64, isNew: Bool) {
    let name = temporaryFileName("blob")
    let file = try temporary.open(
      name, [OpenOptions(rawValue: O_RDWR), .create, .exclusive], permissions: 0o400)
    do {
      let (id, size) = try body(file)
      pin(id)
      if try holds(id, size: size) {
        try temporary.removeFile(name)
        return (id, size, false)
      }
      try withPlace(of: id) { place throws(SystemError) in try temporary.rename(name, to: place, .replace) }
      return (id, size, true)
    } catch {
      try? temporary.removeFile(name)
      throw error
    }
  }
}

/// Stores and finds contents, and keeps them until whoever refers to them has written that down.
///
/// Used by several threads at once.
struct BlobSession: Sendable {
  fileprivate let store: BlobStore

  /// Whether a content is stored; where it is, it stays.
  func holds(_ id: BlobID, size: Int64) throws(SystemError) -> Bool {
    store.pin(id)
    return try store.holds(id, size: size)
  }

  /// Stores a content that is in memory.
  func store(_ bytes: UnsafeRawBufferPointer) throws -> (id: BlobID, isNew: Bool) {
    let id = BlobID(hashing: bytes)
    if try holds(id, size: Int64(bytes.count)) { return (id, false) }
    let stored = try store.store { file in
      try file.write(bytes)
      return (id, Int64(bytes.count))
    }
    return (id, stored.isNew)
  }

  /// Stores the content of a file from its position on: shared with the file where the file system can do that.
  func store(
    contentOf source: OwnedDescriptor, buffer: UnsafeMutableRawBufferPointer, step: @escaping () throws -> Void
  ) throws -> (id: BlobID, size: Int64, isNew: Bool) {
    try store.store { file in
      var copy = TreeCopy()
      copy.checkpoint = { _ in try step() }
      try copy.copyContent(of: source, to: file)
      // What is stored is what is looked at: the file itself may be changing.
      return try BlobStore.identify(file, buffer: buffer, step: step)
    }
  }
}

// MARK: - Reading

extension BlobStore {
  /// Works out what a file holds, from its beginning.
  static func identify(
    _ file: OwnedDescriptor, buffer: UnsafeMutableRawBufferPointer, step: () throws -> Void
  ) throws -> (BlobID, Int64) {
    var hash = SHA256()
    var size: Int64 = 0
    while true {
      let count = try file.read(into: buffer, at: size)
      if count == 0 { return (BlobID(hash.finalize()), size) }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      size += Int64(count)
      try step()
    }
  }

  /// The whole of a content, as it was stored.
  ///
  /// - Parameter name: What it is needed for, as messages tell it.
  /// - Throws: `io_error` where it is missing or damaged.
  func read(_ id: BlobID, size: Int64, for name: String) throws -> [UInt8] {
    let file = try open(id, for: name)
    var bytes = [UInt8](repeating: 0, count: Int(size) + 1)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    bytes.removeSubrange(count...)
    guard BlobID(SHA256.hash(data: bytes)) == id else { throw ProtocolError.blobDamaged(id, name) }
    return bytes
  }

  /// Writes a content to an empty file, and makes sure that it is what was stored.
  func write(
    _ id: BlobID, size: Int64, to file: OwnedDescriptor, for name: String, buffer: UnsafeMutableRawBufferPointer,
    step: @escaping () throws -> Void
  ) throws {
    let source = try open(id, for: name)
    if size < Int64(buffer.count) {
      let count = try source.read(into: buffer, at: 0)
      let content = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      guard BlobID(hashing: content) == id else { throw ProtocolError.blobDamaged(id, name) }
      try file.write(content)
    } else {
      var copy = TreeCopy()
      copy.checkpoint = { _ in try step() }
      try copy.copyContent(of: source, to: file)
      guard try Self.identify(file, buffer: buffer, step: step).0 == id else {
        throw ProtocolError.blobDamaged(id, name)
      }
    }
  }

  private func open(_ id: BlobID, for name: String) throws -> OwnedDescriptor {
    do throws(SystemError) {
      return try withPlace(of: id) { place throws(SystemError) in try place.directory.open(place.name, [.read]) }
    } catch {
      guard error.errno == ENOENT else { throw error }
      throw ProtocolError.blobDamaged(id, name)
    }
  }
}

extension ProtocolError {
  fileprivate static func blobDamaged(_ id: BlobID, _ name: String) -> ProtocolError {
    ProtocolError(
      .ioError,
      "The stored content of `\(name)` is damaged or missing. Nothing was changed; take another snapshot, or leave "
        + "that file out with `paths`.",
      detail: "the blob \(id) does not hold what was stored")
  }
}
