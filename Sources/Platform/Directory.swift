internal import CPlatform
internal import Glibc

/// An open folder, through which everything beneath it is reached.
///
/// Paths are resolved by openat2(2) with `RESOLVE_BENEATH` and `RESOLVE_NO_MAGICLINKS`: links are followed as long as
/// they stay beneath the folder, and neither `..`, a link, nor a folder that is moved during the call leads out of it:
/// that fails with `EXDEV`. What changes names (`remove`, `rename`, `makeDirectory`…) takes one name and acts in this
/// folder itself; `place(of:)` finds the folder and the name for a path.
///
/// The folder stays the same one when it is renamed or moved. The object may be used by many threads at once.
package final class Directory: Sendable {
  /// Opened with `O_PATH`, or for reading where it was made by `listing`.
  package let descriptor: OwnedDescriptor

  /// Takes over the descriptor of a folder.
  package init(adopting descriptor: OwnedDescriptor) {
    self.descriptor = descriptor
  }

  /// Opens an absolute path, whose links are followed.
  package convenience init(path: String) throws(SystemError) {
    let number = try systemCall("open", path) { Glibc.open(path, BERTH_O_PATH | O_DIRECTORY | O_CLOEXEC) }
    self.init(adopting: OwnedDescriptor(adopting: number))
  }

  /// What fstat(2) tells of the folder.

  /// Where it is now, as an absolute path without links.
  package var realPath: String {
    descriptor.withDescriptor { number in
      var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/self/fd/\(number)", &bytes, bytes.count)
      return String(decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  package func status() throws(SystemError) -> FileStatus { try descriptor.status() }

  /// Which folder it is.
  package func identity() throws(SystemError) -> FileIdentity { try status().identity }
}

/// How to open a file.
package struct OpenOptions: OptionSet, Sendable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let read = OpenOptions(rawValue: O_RDONLY)
  package static let write = OpenOptions(rawValue: O_WRONLY)
  package static let create = OpenOptions(rawValue: O_CREAT)
  /// Together with `create`: fails with `EEXIST` where something is there already.
  package static let exclusive = OpenOptions(rawValue: O_EXCL)
  package static let truncate = OpenOptions(rawValue: O_TRUNC)
  package static let append = OpenOptions(rawValue: O_APPEND)
  /// Fails where the path leads to anything but a folder.
  package static let directory = OpenOptions(rawValue: O_DIRECTORY)
  /// Fails with `ELOOP` where the last part of the path is a link.
  package static let noFollow = OpenOptions(rawValue: O_NOFOLLOW)
  /// Does not wait for the other end of a pipe, nor for a device, and takes no terminal for its own.
  package static let nonBlocking = OpenOptions(rawValue: O_NONBLOCK | O_NOCTTY)
  /// Names the file without opening it: for its status and as a folder to start from.
  package static let location = OpenOptions(rawValue: BERTH_O_PATH)
}

// MARK: - Opening beneath the folder

extension Directory {
  /// How often a resolution that was disturbed by a rename elsewhere is begun again.
  private static let attempts = 128

  /// Opens a file beneath the folder.
  ///
  /// - Parameter permissions: for a file that `create` makes, less the umask.
  package func open(
    _ path: RelativePath, _ options: OpenOptions, permissions: UInt32 = 0o644
  ) throws(SystemError)
    -> OwnedDescriptor
  {
    try open(unresolved: path.isRoot ? [UInt8(ascii: ".")] : path.bytes, options, permissions)
  }

  /// As `open`, of a path that may hold `..`, as links do.
  func open(
    unresolved path: [UInt8], _ options: OpenOptions, _ permissions: UInt32 = 0, followsLinks: Bool = true
  ) throws(SystemError) -> OwnedDescriptor {
    let flags = UInt64(UInt32(bitPattern: options.rawValue | O_CLOEXEC))
    let mode = options.contains(.create) ? UInt64(permissions) : 0
    let resolve = BERTH_RESOLVE_BENEATH | BERTH_RESOLVE_NO_MAGICLINKS | (followsLinks ? 0 : BERTH_RESOLVE_NO_SYMLINKS)
    var attempt = 1
    while true {
      let result = withTerminated(path) { path in
        descriptor.withDescriptor { berth_openat2($0, path, flags, mode, resolve) }
      }
      if result >= 0 { return OwnedDescriptor(adopting: result) }
      // EAGAIN: the kernel could not be sure that `..` stayed beneath while something was being renamed.
      if result == -EINTR || (result == -EAGAIN && attempt < Self.attempts) {
        attempt += 1
        continue
      }
      throw SystemError(errno: -result, operation: "openat2", path: String(decoding: path, as: UTF8.self))
    }
  }

  /// Opens a folder beneath the folder, to act in it.
  package func openDirectory(_ path: RelativePath) throws(SystemError) -> Directory {
    Directory(adopting: try open(path, [.location, .directory]))
  }

  /// As `openDirectory`, of a path on which there must be no link at all: those fail with `ELOOP`.
  package func openDirectory(unlinked path: RelativePath) throws(SystemError) -> Directory {
    Directory(
      adopting: try open(
        unresolved: path.isRoot ? [UInt8(ascii: ".")] : path.bytes, [.location, .directory], followsLinks: false))
  }

  /// Opens the file or folder of one name in this folder itself; a link is not followed.
  package func open(
    _ name: FileName, _ options: OpenOptions, permissions: UInt32 = 0o644
  ) throws(SystemError)
    -> OwnedDescriptor
  {
    // One name that is no link cannot lead anywhere else: the cheaper call is enough.
    let flags = options.rawValue | O_NOFOLLOW | O_CLOEXEC
    return OwnedDescriptor(
      adopting: try systemCall("openat", name.string) {
        descriptor.withDescriptor { folder in name.withCString { openat(folder, $0, flags, mode_t(permissions)) } }
      })
  }

  /// What is at a path; a link at its end is told as a link.
  package func status(of path: RelativePath) throws(SystemError) -> FileStatus {
    guard let place = path.singleName else {
      return try open(path, [.location, .noFollow]).status()
    }
    return try status(of: place)
  }

  /// What has that name in this folder; a link is told as a link.
  package func status(of name: FileName) throws(SystemError) -> FileStatus {
    var found = stat()
    try systemCall("fstatat", name.string) {
      descriptor.withDescriptor { folder in name.withCString { fstatat(folder, $0, &found, AT_SYMLINK_NOFOLLOW) } }
    }
    return FileStatus(found)
  }

  /// Whether this process may write the content of a file that has that name and status.
  package func allowsWriting(_ name: FileName, _ status: FileStatus) throws(SystemError) -> Bool {
    if status.owner == geteuid() && status.permissions & 0o200 != 0 { return true }
    let result = descriptor.withDescriptor { folder in
      name.withCString { faccessat(folder, $0, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) }
    }
    if result == 0 { return true }
    let error = SystemError("faccessat", path: name.string)
    if error.errno == EACCES || error.errno == EROFS { return false }
    throw error
  }

  /// Where a link leads to, as it is written in it.
  package func readLink(_ name: FileName) throws(SystemError) -> [UInt8] {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer throws(SystemError) in
      let count = try systemCall("readlinkat", name.string) {
        descriptor.withDescriptor { folder in
          name.withCString { name in
            guard let start = buffer.baseAddress else { return 0 }
            return readlinkat(folder, name, start, buffer.count)
          }
        }
      }
      return buffer[..<count].map { UInt8(bitPattern: $0) }
    }
  }
}

// MARK: - Places

/// A name in an open folder, where something is or will be.
package struct Place: Sendable {
  package let directory: Directory
  package let name: FileName

  package init(directory: Directory, name: FileName) {
    self.directory = directory
    self.name = name
  }
}

extension Directory {
  /// The folder that a path's last part is in, opened, and that last part, which need not be there.
  ///
  /// Throws `EINVAL` for the folder itself, which has no name in itself.
  package func place(of path: RelativePath) throws(SystemError) -> Place {
    if let name = path.singleName { return Place(directory: self, name: name) }
    guard let name = FileName(path.name) else {
      throw SystemError(errno: EINVAL, operation: "openat2", path: path.description)
    }
    return Place(directory: try openDirectory(path.parent), name: name)
  }

  /// As `place(of:)`, where missing folders on the way are made.
  package func place(of path: RelativePath, makingParents permissions: UInt32) throws(SystemError) -> Place {
    do {
      return try place(of: path)
    } catch  where error.errno == ENOENT {
      try makeDirectories(path.parent, permissions: permissions)
      return try place(of: path)
    }
  }

  /// As `place(of:)`, and where a link is there, the place that it leads to, however many links that takes.
  ///
  /// Returns what is at that place too; nil where nothing is. Links that leave the folder fail with `EXDEV`, those that
  /// lead in a circle with `ELOOP`.
  package func target(of place: Place, at path: RelativePath) throws(SystemError) -> (Place, FileStatus?) {
    var place = place
    // The path of the folder that `place` is in, which may pass through links and `..`.
    var folder = path.parent.bytes
    for _ in 0..<40 {
      let status = try place.status()
      guard status?.kind == .link else { return (place, status) }
      let link = try place.directory.readLink(place.name)
      guard link.first != UInt8(ascii: "/") else {
        throw SystemError(errno: EXDEV, operation: "readlinkat", path: path.description)
      }
      folder += folder.isEmpty ? link : [UInt8(ascii: "/")] + link
      while folder.last == UInt8(ascii: "/") { folder.removeLast() }
      let end = folder.lastIndex(of: UInt8(ascii: "/"))
      guard let name = FileName(folder[(end.map { $0 + 1 } ?? 0)...]) else {
        // A link to `.` or `..`, which is a folder.
        throw SystemError(errno: EISDIR, operation: "readlinkat", path: path.description)
      }
      folder.removeSubrange((end ?? 0)...)
      let directory =
        folder.isEmpty ? self : Directory(adopting: try open(unresolved: folder, [.location, .directory]))
      place = Place(directory: directory, name: name)
    }
    throw SystemError(errno: ELOOP, operation: "readlinkat", path: path.description)
  }
}

extension Place {
  /// What is there; nil where nothing is.
  package func status() throws(SystemError) -> FileStatus? {
    do {
      return try directory.status(of: name)
    } catch  where error.errno == ENOENT {
      return nil
    }
  }
}

extension RelativePath {
  /// The path's only part, where it has no more.
  package var singleName: FileName? {
    isRoot || bytes.contains(UInt8(ascii: "/")) ? nil : FileName(checked: bytes)
  }
}

/// Hands out `bytes` as a C string for the time of a call.
@inline(__always)
func withTerminated<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
    for index in bytes.indices { buffer.initializeElement(at: index, to: CChar(bitPattern: bytes[index])) }
    buffer.initializeElement(at: bytes.count, to: 0)
    guard let start = buffer.baseAddress else { return "".withCString(body) }
    return body(start)
  }
}
