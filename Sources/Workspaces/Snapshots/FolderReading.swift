internal import BerthProtocol
internal import Glibc
internal import Platform
internal import Synchronization

/// Works out what the files of a scanned folder hold, and stores it where that is wanted.
///
/// A few threads share the files. What is known without reading is not read; the rest is read while it stays the same:
/// a file that changes meanwhile is read again, and after a few attempts taken as it was read.
struct FolderReading: Sendable {
  let root: Directory
  /// Where contents are stored; nil where only their names are wanted.
  let session: BlobSession?
  let job: JobReport

  struct Result {
    var manifest = SnapshotManifest(entries: [])
    /// What is known for the next time.
    var known = KnownFiles()
    /// How many bytes were not stored before.
    var storedBytes: Int64 = 0
    /// Files that changed each time that they were read.
    var unsteady: [RelativePath] = []
  }

  /// Files up to this size are read whole.
  private static let bufferBytes = 1 << 20

  func read(_ scan: FolderScan, known: KnownFiles) throws -> Result {
    let files = scan.entries.indices.filter { scan.entries[$0].status.kind == .file }
    let found = FoundFiles(entries: scan.entries.count)
    try Parallel.work(on: files.count) { take in
      var reader = FileReader(trail: FolderTrail(root), session: session, known: known, job: job)
      try withUnsafeTemporaryAllocation(byteCount: Self.bufferBytes + 1, alignment: 64) { buffer in
        while let range = take() {
          for index in files[range] {
            try job.checkCancellation()
            if let file = try reader.read(scan.entries[index], buffer) { reader.found.append((index, file)) }
          }
          job.progress("Reading files", found.count(range.count), files.count, .files)
        }
      }
      found.add(reader.found, storedBytes: reader.storedBytes)
    }
    return found.result(of: scan)
  }
}

/// What a file was found to hold.
private struct FoundFile: Sendable {
  let status: FileStatus
  let id: BlobID
  let size: Int64
  /// When reading it began, in nanoseconds since 1970; nil where it did not stay the same.
  let readAt: Int64?
}

/// What all threads have found.
private final class FoundFiles: Sendable {
  private struct State {
    var files: [FoundFile?]
    var storedBytes: Int64 = 0
  }

  private let state: Mutex<State>
  private let done = Atomic<Int>(0)

  init(entries: Int) {
    state = Mutex(State(files: Array(repeating: nil, count: entries)))
  }

  /// Counts files that have been read, and tells how many there are now.
  func count(_ count: Int) -> Int { done.wrappingAdd(count, ordering: .relaxed).newValue }

  func add(_ files: [(index: Int, file: FoundFile)], storedBytes: Int64) {
    state.withLock { state in
      for (index, file) in files { state.files[index] = file }
      state.storedBytes += storedBytes
    }
  }

  func result(of scan: FolderScan) -> FolderReading.Result {
    let state = state.withLock { $0 }
    var result = FolderReading.Result()
    result.storedBytes = state.storedBytes
    result.manifest.entries.reserveCapacity(scan.entries.count)
    for (entry, file) in zip(scan.entries, state.files) {
      let kind: SnapshotManifest.Entry.Kind
      var status = entry.status
      switch entry.status.kind {
      case .directory: kind = .directory
      case .link: kind = .link(entry.target)
      case .file, .other:
        guard let file else { continue }
        status = file.status
        kind = .file(file.id, size: file.size)
        if let readAt = file.readAt {
          result.known.add(status, file.id, readAt: readAt)
        } else {
          result.unsteady.append(entry.path)
        }
      }
      result.manifest.entries.append(
        SnapshotManifest.Entry(
          path: entry.path, kind: kind, permissions: status.permissions, modified: status.modified))
    }
    return result
  }
}

/// One thread's share of the reading.
private struct FileReader {
  var trail: FolderTrail
  let session: BlobSession?
  let known: KnownFiles
  let job: JobReport
  var found: [(index: Int, file: FoundFile)] = []
  var storedBytes: Int64 = 0

  private static let attempts = 3

  /// - Returns: nil where the file went away, or is a file no more.
  mutating func read(_ entry: FolderScan.Entry, _ buffer: UnsafeMutableRawBufferPointer) throws -> FoundFile? {
    if let id = known.content(of: entry.status), try isAtHand(id, entry.status.size) {
      return FoundFile(status: entry.status, id: id, size: entry.status.size, readAt: .max)
    }
    do {
      return try readSteadily(try trail.place(of: entry.path), buffer)
    } catch let error as SystemError {
      if [ENOENT, ENOTDIR, ELOOP, ENXIO].contains(error.errno) { return nil }
      throw error.about(entry.path.description)
    }
  }

  private func isAtHand(_ id: BlobID, _ size: Int64) throws -> Bool {
    guard let session else { return true }
    return try session.holds(id, size: size)
  }

  private mutating func readSteadily(
    _ place: Place, _ buffer: UnsafeMutableRawBufferPointer
  ) throws -> FoundFile? {
    var attempt = 1
    while true {
      let readAt = Timestamp.nanosecondsNow()
      let file = try place.directory.open(place.name, [.read, .nonBlocking])
      let before = try file.status()
      guard before.kind == .file else { return nil }
      let (id, size) = try content(of: file, before.size, buffer)
      let after = try file.status()
      let isSteady = before.modified == after.modified && before.changed == after.changed && after.size == size
      if isSteady || attempt == Self.attempts {
        return FoundFile(status: after, id: id, size: size, readAt: isSteady ? readAt : nil)
      }
      attempt += 1
    }
  }

  private mutating func content(
    of file: OwnedDescriptor, _ size: Int64, _ buffer: UnsafeMutableRawBufferPointer
  ) throws -> (BlobID, Int64) {
    if size < Int64(buffer.count) {
      let count = try file.read(into: buffer, at: 0)
      // A full buffer means that it has grown.
      if count < buffer.count {
        let content = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        guard let session else { return (BlobID(hashing: content), Int64(count)) }
        let (id, isNew) = try session.store(content)
        if isNew { storedBytes += Int64(count) }
        return (id, Int64(count))
      }
    }
    guard let session else { return try BlobStore.identify(file, buffer: buffer, step: job.checkCancellation) }
    let stored = try session.store(contentOf: file, buffer: buffer, step: job.checkCancellation)
    if stored.isNew { storedBytes += stored.size }
    return (stored.id, stored.size)
  }
}
