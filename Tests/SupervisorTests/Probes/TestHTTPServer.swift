import Glibc
import Platform
import TestSupport
import TestSupport

/// A server on a port of this machine that answers each connection as a test wants.
final class TestHTTPServer: Sendable {
  let listener: ListeningSocket
  var port: Int { listener.port }

  /// - Parameter answer: Given the connection and what was asked; it is closed when this returns.
  init(
    on address: ListeningSocket.Address = .loopback, answer: @escaping @Sendable (OwnedDescriptor, String) -> Void
  )
    throws
  {
    let listener = try ListeningSocket(on: address)
    self.listener = listener
    startDetached("test-server") {
      while let connection = try? listener.accept() {
        startDetached("test-connection") {
          var request: [UInt8] = []
          while !request.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let count = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
              let count = (try? connection.read(into: buffer)) ?? 0
              request += buffer[..<count]
              return count
            }
            if count == 0 { break }
          }
          answer(connection, String(decoding: request, as: UTF8.self))
        }
      }
    }
  }

  /// Answers with these bytes, in pieces.
  convenience init(on address: ListeningSocket.Address = .loopback, _ pieces: [String]) throws {
    try self.init(on: address) { connection, _ in
      for piece in pieces { connection.write(piece) }
    }
  }

  deinit {
    // Wakes the thread that accepts, which ends with the error.
    listener.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) }
  }
}

extension OwnedDescriptor {
  /// - Returns: Whether somebody is still there.
  @discardableResult
  func write(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      withDescriptor { send($0, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count }
    }
  }
}
