internal import Glibc

/// Small files of the home's own, read and written whole.
package enum SmallFile {
  /// What a file holds; nil where there is none. More than 16 MiB is refused.
  package static func read(_ path: String) throws(SystemError) -> [UInt8]? {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else {
      if errno == ENOENT { return nil }
      throw SystemError("open", path: path)
    }
    let descriptor = OwnedDescriptor(adopting: number)
    let size = try descriptor.status().size
    guard size <= 16 << 20 else { throw SystemError(errno: EFBIG, operation: "read", path: path) }
    var bytes = [UInt8](repeating: 0, count: Int(size) + 1)
    var filled = 0
    while true {
      let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(SystemError) in
        try descriptor.read(
          into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...]))
      }
      if count == 0 { break }
      filled += count
      guard filled <= 16 << 20 else { throw SystemError(errno: EFBIG, operation: "read", path: path) }
      if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: bytes.count)) }
    }
    return Array(bytes[..<filled])
  }

  /// Replaces a file in one step, and on disk before this returns; only the owner can read it.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(SystemError) {
    let temporary = "\(path).\(getpid()).new"
    unlink(temporary)
    let number = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw SystemError("open", path: temporary) }
    let descriptor = OwnedDescriptor(adopting: number)
    do throws(SystemError) {
      try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in
        try descriptor.write(UnsafeRawBufferPointer(buffer))
      }
      try descriptor.synchronize()
      guard rename(temporary, path) == 0 else { throw SystemError("rename", path: path) }
    } catch {
      unlink(temporary)
      throw error
    }
  }
}
