internal import Glibc
internal import Platform

/// The near end of a forwarded connection: a socket whose other end another session uses.
final class Pump {
  private let socket: OwnedDescriptor
  /// What came out of the socket and was not sent on the channel yet.
  var pending: [UInt8] = []
  /// Whether the other session has closed its end.
  private(set) var isInputEnded = false
  /// Set by the thread when the socket may be read or written.
  var isReady = false
  /// What came from the channel and did not go into the socket yet.
  private var outgoing: [UInt8] = []
  private var outgoingStart = 0
  private var isOutputEnded = false
  private var isBroken = false

  private static let limit = 1 << 20

  init(_ socket: OwnedDescriptor) {
    self.socket = socket
  }

  var bufferedBytes: Int { outgoing.count - outgoingStart }

  /// What to poll for; nil for nothing.
  var request: pollfd? {
    var events: Int16 = 0
    if !isInputEnded, pending.count < Self.limit { events |= Int16(POLLIN) }
    if bufferedBytes > 0 { events |= Int16(POLLOUT) }
    guard events != 0, !isBroken else { return nil }
    return socket.withDescriptor { pollfd(fd: $0, events: events, revents: 0) }
  }

  func take(_ bytes: UnsafeRawBufferPointer) {
    if !isBroken { outgoing.append(contentsOf: bytes) }
  }

  func endOutput() { isOutputEnded = true }

  /// Moves what can be moved.
  ///
  /// - Parameter onEnd: Called where the connection is over on both sides.
  func proceed(onEnd: () -> Void) {
    send()
    if isReady { receive() }
    isReady = false
    if isBroken || isOutputEnded && bufferedBytes == 0 { onEnd() }
  }

  private func send() {
    while bufferedBytes > 0, !isBroken {
      let count = outgoing.withUnsafeBytes { bytes in
        socket.withDescriptor {
          Glibc.send(
            $0, bytes.baseAddress?.advanced(by: outgoingStart), bufferedBytes, Int32(MSG_NOSIGNAL))
        }
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno != EAGAIN { isBroken = true }
        break
      }
      outgoingStart += count
    }
    if bufferedBytes == 0 {
      outgoing.removeAll(keepingCapacity: true)
      outgoingStart = 0
    }
  }

  private func receive() {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while !isInputEnded, pending.count < Self.limit {
      let count = buffer.withUnsafeMutableBytes { bytes in
        socket.withDescriptor { recv($0, bytes.baseAddress, bytes.count, 0) }
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { break }
      if count <= 0 {
        isInputEnded = true
        break
      }
      pending += buffer[..<count]
    }
  }
}
