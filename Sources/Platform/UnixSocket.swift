internal import CPlatform
internal import Glibc

/// Unix stream sockets, for those parts that block on a thread of their own: clients, and the handing over of
/// descriptors.
package enum UnixSocket {
  /// Connects to a socket.
  package static func connect(_ path: String) throws(SystemError) -> OwnedDescriptor {
    let socket = try make()
    try socket.withDescriptor { (number) throws(SystemError) in
      try withAddress(path) { (address, length) throws(SystemError) in
        while Glibc.connect(number, address, length) != 0 {
          guard errno == EINTR else { throw SystemError("connect", path: path) }
        }
      }
    }
    return socket
  }

  /// Listens on a path of the owner's alone. What is there is replaced: make sure before that nobody listens on it.
  package static func listen(_ path: String, backlog: Int32 = 256) throws(SystemError) -> OwnedDescriptor {
    let socket = try make()
    try socket.withDescriptor { (number) throws(SystemError) in
      try withAddress(path) { (address, length) throws(SystemError) in
        unlink(path)
        // The socket is made with the mode that it keeps: nobody can connect in between.
        let mask = umask(0o177)
        let result = bind(number, address, length)
        let error = SystemError("bind", path: path)
        umask(mask)
        guard result == 0 else { throw error }
        guard Glibc.listen(number, backlog) == 0 else { throw SystemError("listen", path: path) }
      }
    }
    return socket
  }

  /// Removes a socket's path; who is connected stays connected.
  package static func remove(_ path: String) {
    unlink(path)
  }

  /// Whether somebody listens on a path.
  package static func isAlive(_ path: String) -> Bool {
    (try? connect(path)) != nil
  }

  /// Waits for the next connection.
  package static func accept(_ listener: OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
    try listener.withDescriptor { (number) throws(SystemError) in
      while true {
        let connection = Glibc.accept(number, nil, nil)
        if connection >= 0 {
          _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
          return OwnedDescriptor(adopting: connection)
        }
        guard errno == EINTR || errno == ECONNABORTED else { throw SystemError("accept") }
      }
    }
  }

  /// A pair of connected sockets.
  package static func pair() throws(SystemError) -> (OwnedDescriptor, OwnedDescriptor) {
    var numbers: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0, &numbers) == 0 else {
      throw SystemError("socketpair")
    }
    return (OwnedDescriptor(adopting: numbers[0]), OwnedDescriptor(adopting: numbers[1]))
  }

  /// Sends bytes together with descriptors.
  package static func send(
    _ bytes: [UInt8], descriptors: [Int32], over socket: OwnedDescriptor
  ) throws(SystemError) {
    let sent = socket.withDescriptor { berth_send_descriptors($0, bytes, bytes.count, descriptors, descriptors.count) }
    guard sent == bytes.count else { throw SystemError("sendmsg") }
  }

  /// Receives bytes, and descriptors that came with them.
  ///
  /// - Parameter timeoutSeconds: How long to wait for them.
  package static func receive(
    from socket: OwnedDescriptor, timeoutSeconds: Int
  ) throws(SystemError) -> (bytes: [UInt8], descriptors: [OwnedDescriptor]) {
    try socket.withDescriptor { (number) throws(SystemError) in
      var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
      setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      var bytes = [UInt8](repeating: 0, count: 4096)
      var descriptors = [Int32](repeating: -1, count: 4)
      var count = 0
      let received = berth_receive_descriptors(number, &bytes, bytes.count, &descriptors, descriptors.count, &count)
      let owned = descriptors.prefix(count).map { OwnedDescriptor(adopting: $0) }
      guard received >= 0 else { throw SystemError("recvmsg") }
      return (Array(bytes.prefix(received)), owned)
    }
  }

  // MARK: Parts

  private static let closeOnExec: Int32 = 0o2000000

  private static func make() throws(SystemError) -> OwnedDescriptor {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
    guard number >= 0 else { throw SystemError("socket") }
    return OwnedDescriptor(adopting: number)
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
  ) throws(SystemError) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count <= Home.longestSocket else {
      throw SystemError(errno: ENAMETOOLONG, operation: "bind", path: path)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let result: Result<Void, SystemError> = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        do throws(SystemError) {
          return .success(try body(generic, socklen_t(MemoryLayout<sockaddr_un>.size)))
        } catch {
          return .failure(error)
        }
      }
    }
    try result.get()
  }
}

extension OwnedDescriptor {
  /// The path that a Unix socket is bound to; empty for one that has none.
  package func socketPath() throws(SystemError) -> String {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        withDescriptor { getsockname($0, generic, &length) }
      }
    }
    guard result == 0 else { throw SystemError("getsockname") }
    return withUnsafeBytes(of: &address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
