internal import Glibc

/// A file descriptor that is closed when nobody holds it any more.
///
/// Pass the object, not its number: a number taken out of it is only good as long as the object lives
/// (`withDescriptor` makes sure of that).
package final class OwnedDescriptor: Sendable {
  private let number: Int32

  /// Takes over `number`, which nobody else may close.
  package init(adopting number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// Hands out the number for the time of a call.
  @inline(__always)
  package func withDescriptor<Result, Failure: Error>(
    _ body: (Int32) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(number)
  }

  /// A second descriptor of the same open file.
  package func duplicate() throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try systemCall("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 0) })
  }

  /// What fstat(2) tells.
  package func status() throws(SystemError) -> FileStatus {
    var found = stat()
    try systemCall("fstat") { fstat(number, &found) }
    return FileStatus(found)
  }

  /// Reads up to `buffer.count` bytes at `offset`, fewer only at the file's end. Returns how many.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SystemError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = try systemCall("pread") {
        pread(number, buffer.baseAddress?.advanced(by: filled), buffer.count - filled, off_t(offset) + off_t(filled))
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Reads up to `buffer.count` bytes at `offset` with one call; of a file that grows, it may be less than there is now.
  package func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SystemError) -> Int {
    try systemCall("pread") { pread(number, buffer.baseAddress, buffer.count, off_t(offset)) }
  }

  /// Reads up to `buffer.count` bytes at the file's own position with one call; 0 at its end.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    try systemCall("read") { Glibc.read(number, buffer.baseAddress, buffer.count) }
  }

  /// Writes all of `bytes` at the file's own position.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      written += try systemCall("write") {
        Glibc.write(number, bytes.baseAddress?.advanced(by: written), bytes.count - written)
      }
    }
  }

  /// Waits until what was written is on the disk.
  package func synchronize() throws(SystemError) {
    try systemCall("fsync") { fsync(number) }
  }

  /// Sets the permission bits, past the umask.
  package func setPermissions(_ permissions: UInt32) throws(SystemError) {
    try systemCall("fchmod") { fchmod(number, mode_t(permissions)) }
  }

  /// Sets the owner and the group.
  package func setOwner(_ owner: UInt32, group: UInt32) throws(SystemError) {
    try systemCall("fchown") { fchown(number, owner, group) }
  }

  /// Sets the time of the last change of the content.
  package func setModified(nanosecondsSince1970: Int64) throws(SystemError) {
    let seconds = nanosecondsSince1970.quotientAndRemainder(dividingBy: 1_000_000_000)
    let times = [
      timespec(tv_sec: 0, tv_nsec: utimeOmit),
      timespec(tv_sec: Int(seconds.quotient), tv_nsec: Int(seconds.remainder)),
    ]
    try systemCall("futimens") { futimens(number, times) }
  }
}

/// UTIME_OMIT, a macro that Swift does not import.
let utimeOmit: Int = (1 << 30) - 2
