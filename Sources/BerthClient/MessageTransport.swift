internal import Glibc
package import Platform

/// Messages with `Content-Length` headers over descriptors that block.
package final class MessageTransport {
  private let input: OwnedDescriptor
  private let output: OwnedDescriptor
  private var buffer: [UInt8] = []
  private var start = 0
  /// Where one read puts what it brings.
  private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

  /// - Parameters: The same socket twice, or two pipes.
  package init(input: OwnedDescriptor, output: OwnedDescriptor) {
    self.input = input
    self.output = output
  }

  deinit {
    piece.deallocate()
  }

  package convenience init(socket: String) throws(SystemError) {
    let socket = try UnixSocket.connect(socket)
    self.init(input: socket, output: socket)
  }

  package func write(_ message: [UInt8]) throws(SystemError) {
    try writeRaw(Array("Content-Length: \(message.count)\r\n\r\n".utf8) + message)
  }

  /// Sends bytes as they are.
  package func writeRaw(_ bytes: [UInt8]) throws(SystemError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in
      try output.write(UnsafeRawBufferPointer(buffer))
    }
  }

  /// The next message. Nil at the end of input, and where none comes in time.
  package func read(timeoutSeconds: Double? = nil) throws(SystemError) -> [UInt8]? {
    let deadline = timeoutSeconds.map { Timestamp.monotonicNanoseconds() + Int64($0 * 1e9) }
    while true {
      if let message = takeMessage() { return message }
      if let deadline {
        let rest = deadline - Timestamp.monotonicNanoseconds()
        guard rest >= 0, try waitForInput(milliseconds: Int32(clamping: rest / 1_000_000 + 1)) else { return nil }
      }
      guard try fill() else { return nil }
    }
  }

  private func waitForInput(milliseconds: Int32) throws(SystemError) -> Bool {
    try input.withDescriptor { (number) throws(SystemError) in
      while true {
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        let count = poll(&request, 1, milliseconds)
        if count >= 0 { return count > 0 }
        guard errno == EINTR else { throw SystemError("poll") }
      }
    }
  }

  /// - Returns: False at the end of input.
  private func fill() throws(SystemError) -> Bool {
    if start > 0, start == buffer.count || start > 1 << 20 {
      buffer.removeFirst(start)
      start = 0
    }
    do throws(SystemError) {
      let count = try input.read(into: piece)
      buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[..<count]))
      return count > 0
    } catch {
      // A peer that is killed with unread input resets the connection; what came before is all there is.
      if error.errno == ECONNRESET { return false }
      throw error
    }
  }

  private func takeMessage() -> [UInt8]? {
    let rest = buffer[start...]
    guard let end = rest.firstHeaderEnd, let length = Self.contentLength(rest[..<end]) else { return nil }
    let body = end + 4
    guard buffer.count >= body + length else { return nil }
    start = body + length
    return Array(buffer[body..<start])
  }

  private static func contentLength(_ header: ArraySlice<UInt8>) -> Int? {
    let prefix = "content-length:"
    for line in String(decoding: header, as: UTF8.self).split(separator: "\r\n")
    where line.lowercased().hasPrefix(prefix) {
      return Int(line.dropFirst(prefix.count).drop { $0 == " " })
    }
    return nil
  }
}

extension ArraySlice<UInt8> {
  /// Where the first `\r\n\r\n` begins. Headers are short; what is further away is no header.
  fileprivate var firstHeaderEnd: Int? {
    var index = startIndex
    let limit = Swift.min(endIndex, startIndex + 8192) - 3
    while index < limit {
      if self[index] == 13, self[index + 1] == 10, self[index + 2] == 13, self[index + 3] == 10 { return index }
      index += 1
    }
    return nil
  }
}
