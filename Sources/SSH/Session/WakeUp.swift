internal import Glibc
internal import Platform

/// Wakes a thread that polls: a pipe with at most one byte of interest in it.
final class WakeUp: Sendable {
  private let receiver: OwnedDescriptor
  private let sender: OwnedDescriptor

  init() throws(SystemError) {
    (receiver, sender) = try OwnedDescriptor.pipe()
    for end in [receiver, sender] { try end.makeNonBlocking() }
  }

  /// Any thread may call this, at any time.
  func signal() {
    var byte: UInt8 = 1
    // A full pipe wakes as well.
    sender.withDescriptor { _ = write($0, &byte, 1) }
  }

  /// Takes the signals that have come.
  func clear() {
    var bytes: UInt64 = 0
    receiver.withDescriptor { while read($0, &bytes, 8) == 8 {} }
  }

  /// What to poll for being readable.
  var request: pollfd { receiver.withDescriptor { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) } }
}

extension OwnedDescriptor {
  func makeNonBlocking() throws(SystemError) {
    let result = withDescriptor { fcntl($0, F_SETFL, fcntl($0, F_GETFL, 0) | O_NONBLOCK) }
    guard result >= 0 else { throw SystemError("fcntl") }
  }
}
