internal import Glibc
internal import Platform
internal import Synchronization

/// Finds a host's addresses and connects to one of them.
struct Connector {
  let endpoint: SSHEndpoint
  let deadline: Int64
  let mailbox: Mailbox

  /// An address as the resolver gives it.
  private struct Address: Sendable {
    let family: Int32
    let bytes: [UInt8]
  }

  /// Connects to the first address that answers.
  func connect() throws(SSHError) -> OwnedDescriptor {
    let addresses = try addresses()
    var last = SSHError(.unreachable, "\(endpoint.host) has no address that can be reached.")
    for (index, address) in addresses.enumerated() {
      // Each of those that are left gets the same part of the time that is left.
      let now = Timestamp.monotonicNanoseconds()
      let part = now + max(0, deadline - now) / Int64(addresses.count - index)
      do throws(SSHError) {
        return try connect(to: address, by: part)
      } catch {
        if error.code == .cancelled || error.code == .system { throw error }
        // A server that refuses says more about what is wrong than one that can't be reached.
        if last.code != .connectRefused { last = error }
      }
    }
    throw last
  }

  // MARK: Names

  /// What the resolver's thread leaves behind.
  private final class Answer: Sendable {
    let addresses = Mutex<Result<[Address], SSHError>?>(nil)
    let wakeUp: WakeUp

    init(_ wakeUp: WakeUp) {
      self.wakeUp = wakeUp
    }
  }

  private func addresses() throws(SSHError) -> [Address] {
    let (host, port) = (endpoint.host, endpoint.port)
    guard 1...65535 ~= port else { throw SSHError(.unreachable, "\(port) is not a port.") }
    if let numeric = try? Self.resolve(host, port, flags: AI_NUMERICHOST).get() { return numeric }
    // The resolver can't be interrupted: it gets a thread of its own, which nobody waits for past the limit.
    let answer = Answer(mailbox.wakeUp)
    startDetached("berth-resolve") {
      let result = Self.resolve(host, port, flags: 0)
      answer.addresses.withLock { $0 = result }
      answer.wakeUp.signal()
    }
    while true {
      if let result = answer.addresses.withLock({ $0 }) { return try result.get() }
      guard
        try Waiting.poll([], mailbox, until: deadline)
      else { throw SSHError(.dnsFailed, "The name \(host) was not resolved in time. Check the name and the resolver.") }
    }
  }

  private static func resolve(_ host: String, _ port: Int, flags: Int32) -> Result<[Address], SSHError> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = flags | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, "\(port)", &hints, &list)
    guard result == 0 else {
      let reason = String(cString: gai_strerror(result))
      return .failure(SSHError(.dnsFailed, "The name \(host) can't be resolved: \(reason). Check how it is written."))
    }
    defer { freeaddrinfo(list) }
    var addresses: [Address] = []
    var next = list
    while let entry = next?.pointee {
      if let address = entry.ai_addr {
        let bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
        addresses.append(Address(family: entry.ai_family, bytes: bytes))
      }
      next = entry.ai_next
    }
    return .success(addresses)
  }

  // MARK: Connections

  private func connect(to address: Address, by deadline: Int64) throws(SSHError) -> OwnedDescriptor {
    let number = Glibc.socket(
      address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard number >= 0 else {
      // A family that this machine does not have is no reason not to try the other one.
      if errno == EAFNOSUPPORT { throw failure(errno) }
      throw SSHError(.system, "No socket can be had: \(SystemError("socket").reason).")
    }
    let socket = OwnedDescriptor(adopting: number)
    var one: Int32 = 1
    setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    let result = address.bytes.withUnsafeBytes { bytes -> Int32 in
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
      return Glibc.connect(number, base, socklen_t(bytes.count))
    }
    if result == 0 { return socket }
    guard errno == EINPROGRESS || errno == EINTR else { throw failure(errno) }
    while true {
      var requests = [pollfd(fd: number, events: Int16(POLLOUT), revents: 0)]
      guard try Waiting.poll(&requests, mailbox, until: deadline) else {
        throw SSHError(
          .connectTimeout,
          "\(endpoint.place) did not answer in time. Check the address, and that no firewall swallows the port.")
      }
      if requests[0].revents == 0 { continue }
      var error: Int32 = 0
      var length = socklen_t(4)
      getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &length)
      if error == 0 { return socket }
      throw failure(error)
    }
  }

  private func failure(_ error: Int32) -> SSHError {
    let reason = SystemError(errno: error, operation: "connect").reason
    switch error {
    case ECONNREFUSED:
      return SSHError(
        .connectRefused, "Nothing listens on \(endpoint.place). Check the port, and that the SSH server runs.")
    case ETIMEDOUT:
      return SSHError(.connectTimeout, "\(endpoint.place) did not answer: \(reason).")
    default:
      return SSHError(.unreachable, "\(endpoint.place) can't be reached: \(reason).")
    }
  }
}

/// Waiting on the session's own thread.
enum Waiting {
  /// Waits for descriptors, or for the mailbox to signal.
  ///
  /// - Returns: False where the deadline has passed.
  /// - Throws: `cancelled` where the session is to end.
  static func poll(_ requests: inout [pollfd], _ mailbox: Mailbox, until deadline: Int64) throws(SSHError) -> Bool {
    while true {
      if mailbox.isStopping { throw SSHError(.cancelled, "The session was closed before it was open.") }
      let rest = deadline - Timestamp.monotonicNanoseconds()
      guard rest > 0 else { return false }
      requests.append(mailbox.wakeUp.request)
      let result = Glibc.poll(&requests, nfds_t(requests.count), Int32(min(rest / 1_000_000 + 1, 1_000_000_000)))
      let isSignalled = requests.removeLast().revents != 0
      if isSignalled { mailbox.wakeUp.clear() }
      if result > 0 {
        if mailbox.isStopping { continue }
        return true
      }
      guard result == 0 || errno == EINTR else {
        throw SSHError(.system, "poll failed: \(SystemError("poll").reason).")
      }
    }
  }

  static func poll(_ requests: [pollfd], _ mailbox: Mailbox, until deadline: Int64) throws(SSHError) -> Bool {
    var requests = requests
    return try poll(&requests, mailbox, until: deadline)
  }

  static func deadline(_ seconds: Double) -> Int64 {
    Timestamp.monotonicNanoseconds() + Int64(min(max(seconds, 0), 1e9) * 1e9)
  }
}
