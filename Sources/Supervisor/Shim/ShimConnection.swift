internal import CPlatform
internal import Glibc
internal import Platform

/// One connection to a shim's socket.
final class ShimConnection: Sendable {
  let socket: OwnedDescriptor

  /// - Parameter timeoutNanoseconds: How long to wait for a shim that is busy with many others.
  /// - Throws: `gone` where nobody listens.
  init(folder: String, timeoutNanoseconds: Int64) throws(ShimError) {
    let number = open(folder, BERTH_O_PATH | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw ShimError(SystemError("open", path: folder)) }
    let directory = OwnedDescriptor(adopting: number)
    // Through the open folder: its path may be longer than a socket's address can be.
    let connected = directory.withDescriptor { berth_packet_connect($0, "control", timeoutNanoseconds) }
    guard connected >= 0 else { throw ShimError(SystemError("connect", path: folder)) }
    socket = OwnedDescriptor(adopting: connected)
  }

  /// - Parameter deadline: In monotonic nanoseconds.
  func send(_ packet: [UInt8], deadline: Int64) throws(ShimError) {
    let result = socket.withDescriptor { berth_packet_send($0, packet, packet.count, deadline) }
    guard result == 0 else { throw ShimError(SystemError("send")) }
  }

  /// The next packet; nil where there is none yet and `deadline` is 0.
  ///
  /// - Parameter capacity: What a packet can have at most.
  func receive(capacity: Int = 4096, deadline: Int64) throws(ShimError) -> String? {
    var count = 0
    let text = withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 16) { buffer in
      count = socket.withDescriptor { berth_packet_receive($0, buffer.baseAddress, capacity, deadline) }
      return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    }
    if count > 0 { return text }
    if count == 0 { throw ShimError(.gone, "the shim has closed the connection") }
    if errno == EAGAIN && deadline == 0 { return nil }
    throw ShimError(SystemError("recv"))
  }
}
