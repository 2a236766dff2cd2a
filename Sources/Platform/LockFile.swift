internal import Glibc

/// A file whose lock (`flock`) says that a process owns a home. The kernel gives the lock back when the process dies,
/// however it dies.
package final class LockFile: Sendable {
  private let descriptor: Int32
  package let path: String

  /// Takes the lock.
  ///
  /// - Returns: Nil where another process holds it.
  package static func acquire(_ path: String) throws(SystemError) -> LockFile? {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", path: path) }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      let error = SystemError("flock", path: path)
      close(descriptor)
      guard error.errno == EWOULDBLOCK else { throw error }
      return nil
    }
    return LockFile(descriptor: descriptor, path: path)
  }

  /// What the holder of the lock has written into it.
  package static func contents(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    return [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
    }
  }

  private init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    close(descriptor)
  }

  /// Replaces what the file holds, for those who find the lock taken.
  package func write(_ bytes: [UInt8]) throws(SystemError) {
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
      throw SystemError("write", path: path)
    }
  }
}
