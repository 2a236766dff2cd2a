import Glibc
import Platform

/// Whether a port can be had, found out by binding to it.
enum PortTest {
  enum Outcome: Sendable, Equatable {
    case free
    /// Somebody listens on it, on whatever address, or is connected from it.
    case taken
    /// This user may not bind to it, so that nothing is known.
    case forbidden
  }

  /// Binds to the port on every address, of both versions, and lets go again.
  ///
  /// With SO_REUSEADDR, so that connections that have ended and wait out their time (TIME_WAIT) do not count, as they
  /// do not for servers. A socket that listens counts all the same, on whatever address and whatever its options.
  static func bind(_ port: Int) throws(SystemError) -> Outcome {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = in_port_t(port).bigEndian
    if let outcome = try bind(AF_INET6, &address) { return outcome }
    var older = sockaddr_in()
    older.sin_family = sa_family_t(AF_INET)
    older.sin_port = in_port_t(port).bigEndian
    if let outcome = try bind(AF_INET, &older) { return outcome }
    throw SystemError(errno: EAFNOSUPPORT, operation: "bind")
  }

  /// Nil where the machine does not have this version.
  private static func bind<Address>(_ family: Int32, _ address: inout Address) throws(SystemError) -> Outcome? {
    let number = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else {
      if errno == EAFNOSUPPORT { return nil }
      throw SystemError("socket")
    }
    let socket = OwnedDescriptor(adopting: number)
    let error = socket.withDescriptor { number -> Int32 in
      set(SOL_SOCKET, SO_REUSEADDR, 1, of: number)
      if family == AF_INET6 { set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0, of: number) }
      let result = withUnsafePointer(to: &address) { address in
        address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.bind(number, $0, socklen_t(MemoryLayout<Address>.size))
        }
      }
      return result == 0 ? 0 : errno
    }
    switch error {
    case 0: return .free
    case EADDRINUSE: return .taken
    case EACCES, EPERM: return .forbidden
    case EADDRNOTAVAIL, EAFNOSUPPORT: return nil
    default: throw SystemError(errno: error, operation: "bind")
    }
  }

  private static func set(_ level: Int32, _ option: Int32, _ value: Int32, of socket: Int32) {
    var value = value
    setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }
}
