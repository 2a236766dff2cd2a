import Glibc
import Platform

/// Why a probe has failed, in words that follow what it has asked.
struct ProbeFailure: Error, Hashable {
  let reason: String

  init(_ reason: String) {
    self.reason = reason
  }
}

/// A connection to a port of this machine, which blocks a thread for the blink of an eye at most.
struct LocalConnection {
  private let socket: OwnedDescriptor
  private let poller: Poller
  /// By the monotonic clock, in nanoseconds.
  private let deadline: Int64
  private let timeoutSeconds: Double
  /// Until when a thread is blocked for it, likewise.
  private let blockingEnd: Int64

  /// What answers at once is waited for on the spot, which is cheaper than to be woken by another thread.
  private static let blockingNanoseconds: Int64 = 20_000_000

  /// Connects to 127.0.0.1, and to ::1 where nobody listens there: what is told to listen on `localhost` may listen on
  /// either.
  ///
  /// - Parameter timeoutSeconds: How long all that is done with the connection may take.
  /// - Throws: `ProbeFailure`; `SystemError` where this process can't have a socket, which says nothing about the port;
  ///   `CancellationError`.
  static func open(port: Int, timeoutSeconds: Double, poller: Poller) async throws -> LocalConnection {
    let now = Timestamp.monotonicNanoseconds()
    let deadline = now + Int64(timeoutSeconds * 1e9)
    let blockingEnd = min(deadline, now + blockingNanoseconds)
    var errors: [Int32] = []
    for family in [AF_INET, AF_INET6] {
      let socket = try make(family)
      guard let socket else { continue }
      var error = begin(socket, family, port)
      if error == EINPROGRESS {
        guard try await wait(socket, for: POLLOUT, until: deadline, poller, blockingEnd) else {
          throw ProbeFailure("no connection within \(timeoutSeconds.inSeconds)")
        }
        error = self.error(of: socket)
      }
      if error == 0 {
        return LocalConnection(
          socket: socket, poller: poller, deadline: deadline, timeoutSeconds: timeoutSeconds, blockingEnd: blockingEnd)
      }
      errors.append(error)
    }
    let error = errors.first ?? ECONNREFUSED
    throw ProbeFailure(error == ECONNREFUSED ? "connection refused" : words(error))
  }

  /// Sends all of the bytes.
  func send(_ bytes: [UInt8]) async throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        socket.withDescriptor {
          Glibc.send($0, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
      }
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        guard try await wait(for: POLLOUT, until: deadline) else { throw lateness }
      } else if errno != EINTR {
        throw ProbeFailure(Self.words(errno))
      }
    }
  }

  /// Appends what has come to `bytes`, waiting for something where there is nothing.
  ///
  /// - Parameters:
  ///   - limit: How many bytes to append at most.
  ///   - end: When to give up, where that comes before the time is over; by the monotonic clock, in nanoseconds.
  /// - Returns: False at the end.
  /// - Throws: `ProbeFailure` where the time is over.
  func receive(into bytes: inout [UInt8], limit: Int, until end: Int64 = .max) async throws -> Bool {
    let deadline = min(deadline, end)
    while true {
      let count = withUnsafeTemporaryAllocation(byteCount: min(limit, 16 << 10), alignment: 16) { buffer in
        let count = socket.withDescriptor { recv($0, buffer.baseAddress, buffer.count, 0) }
        if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
        return count
      }
      if count > 0 { return true }
      if count == 0 { return false }
      if errno == EAGAIN {
        guard try await wait(for: POLLIN, until: deadline) else { throw lateness }
      } else if errno != EINTR {
        throw ProbeFailure("the connection broke: \(Self.words(errno))")
      }
      // What drips must not go on for ever.
      if Timestamp.monotonicNanoseconds() >= deadline { throw lateness }
    }
  }

  var lateness: ProbeFailure { ProbeFailure("no answer within \(timeoutSeconds.inSeconds)") }

  // MARK: Parts

  private func wait(for events: Int32, until deadline: Int64) async throws -> Bool {
    try await Self.wait(socket, for: events, until: deadline, poller, blockingEnd)
  }

  private static func wait(
    _ socket: OwnedDescriptor, for events: Int32, until deadline: Int64, _ poller: Poller, _ blockingEnd: Int64
  ) async throws -> Bool {
    let milliseconds = Int32(clamping: (blockingEnd - Timestamp.monotonicNanoseconds()) / 1_000_000)
    let isReady = socket.withDescriptor { number in
      var descriptor = pollfd(fd: number, events: Int16(events), revents: 0)
      return poll(&descriptor, 1, max(0, milliseconds)) > 0
    }
    return isReady ? true : try await poller.wait(socket, for: events, until: deadline)
  }

  /// Nil where the machine does not have this version of addresses.
  private static func make(_ family: Int32) throws(SystemError) -> OwnedDescriptor? {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = Glibc.socket(family, kind, 0)
    if number >= 0 { return OwnedDescriptor(adopting: number) }
    if errno == EAFNOSUPPORT { return nil }
    throw SystemError("socket")
  }

  /// Begins to connect. - Returns: The error number; `EINPROGRESS` where it goes on.
  private static func begin(_ socket: OwnedDescriptor, _ family: Int32, _ port: Int) -> Int32 {
    if family == AF_INET {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      return connect(socket, &address)
    }
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = in_port_t(port).bigEndian
    address.sin6_addr = in6addr_loopback
    return connect(socket, &address)
  }

  private static func connect<Address>(_ socket: OwnedDescriptor, _ address: inout Address) -> Int32 {
    let result = socket.withDescriptor { number in
      withUnsafePointer(to: &address) { address in
        address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(number, $0, socklen_t(MemoryLayout<Address>.size))
        }
      }
    }
    return result == 0 ? 0 : errno
  }

  private static func error(of socket: OwnedDescriptor) -> Int32 {
    var error: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    socket.withDescriptor { _ = getsockopt($0, SOL_SOCKET, SO_ERROR, &error, &length) }
    return error
  }

  private static func words(_ error: Int32) -> String {
    let words = SystemError(errno: error, operation: "").reason
    return words.prefix(1).lowercased() + words.dropFirst()
  }
}
