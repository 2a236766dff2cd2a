import Glibc
import Platform

/// What is read from standard input or from a file.
enum Input {
  /// All of standard input.
  static func readAll() throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try readSome(STDIN_FILENO) { bytes += piece }
    return bytes
  }

  /// All of a file.
  static func readAll(_ path: String) throws(SystemError) -> [UInt8] {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw SystemError(errno: errno, operation: "open", path: path) }
    defer { close(number) }
    var bytes: [UInt8] = []
    do throws(SystemError) {
      while let piece = try readSome(number) { bytes += piece }
    } catch {
      throw error.about(path)
    }
    return bytes
  }

  /// The next piece of standard input, as it comes; nil at its end.
  static func readSome() throws(SystemError) -> [UInt8]? { try readSome(STDIN_FILENO) }

  private static func readSome(_ descriptor: Int32) throws(SystemError) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 { return Array(buffer[..<count]) }
      if count == 0 { return nil }
      guard errno == EINTR else { throw SystemError(errno: errno, operation: "read") }
    }
  }
}
