internal import Glibc
package import Platform

/// Carries bytes between descriptors that an event loop can't wait for (files, terminals) and one that it can.
///
/// It blocks on threads of its own and leaves the files' flags alone: `O_NONBLOCK` belongs to the open file and would
/// break a shell that shares the terminal.
package enum Pump {
  /// Connects the standard input and output that were taken over with a socket.
  ///
  /// - Returns: The other end of the socket; and a function that waits until all that came out of it has been written.
  package static func start(
    input: OwnedDescriptor, output: OwnedDescriptor
  ) throws(SystemError) -> (socket: OwnedDescriptor, finish: @Sendable () -> Void) {
    let (mine, other) = try UnixSocket.pair()
    startDetached("berth-stdin") {
      copy(from: input, to: mine)
      mine.withDescriptor { _ = shutdown($0, Int32(SHUT_WR)) }
    }
    let isDone = Signal()
    startDetached("berth-stdout") {
      if !copy(from: mine, to: output) {
        // Nobody reads what is answered: as when a pipe's reader goes.
        mine.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) }
      }
      isDone.set()
    }
    return (other, { isDone.wait() })
  }

  /// Copies to the end of input. - Returns: Whether everything could be written.
  @discardableResult
  private static func copy(from input: OwnedDescriptor, to output: OwnedDescriptor) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
      while true {
        let count = input.withDescriptor { read($0, buffer.baseAddress, buffer.count) }
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return true }
        do {
          try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        } catch {
          return false
        }
      }
    }
  }
}
