import Glibc
package import Platform

/// A socket of this process that listens, until nobody holds it any more.
package final class ListeningSocket: Sendable {
  package let port: Int
  private let socket: OwnedDescriptor

  /// - Parameters:
  ///   - port: 0 for one that the system chooses.
  ///   - address: Which address of this machine: `any`, `loopback`, or version 6's `any6`.
  package init(port: Int = 0, on address: Address = .loopback, reusing: Bool = true) throws {
    let family = address == .any6 ? AF_INET6 : AF_INET
    let number = Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw SystemError("socket") }
    socket = OwnedDescriptor(adopting: number)
    var one: Int32 = 1
    if reusing { setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, 4) }
    if address == .any6 { setsockopt(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4) }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutableBytes(of: &storage) { storage -> Int32 in
      guard let base = storage.baseAddress else { return -1 }
      if address == .any6 {
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = in_port_t(port).bigEndian
        base.storeBytes(of: name, as: sockaddr_in6.self)
      } else {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = in_port_t(port).bigEndian
        name.sin_addr.s_addr = address == .any ? 0 : in_addr_t(0x7F00_0001).bigEndian
        base.storeBytes(of: name, as: sockaddr_in.self)
      }
      let generic = base.assumingMemoryBound(to: sockaddr.self)
      let size = address == .any6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
      guard bind(number, generic, socklen_t(size)) == 0, listen(number, 64) == 0 else { return -1 }
      return getsockname(number, generic, &length)
    }
    guard result == 0 else { throw SystemError("bind") }
    // The port stands in the same place for both versions.
    self.port = withUnsafeBytes(of: &storage) { Int(UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))) }
  }

  package enum Address { case any, loopback, any6 }

  package func withDescriptor<Result>(_ body: (Int32) throws -> Result) rethrows -> Result {
    try socket.withDescriptor(body)
  }

  /// The next connection.
  package func accept() throws -> OwnedDescriptor { try UnixSocket.accept(socket) }
}

/// A blocking connection to a port of this machine.
package func connectLocally(_ port: Int) throws -> OwnedDescriptor {
  let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  guard number >= 0 else { throw SystemError("socket") }
  let descriptor = OwnedDescriptor(adopting: number)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
  let result = withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard result == 0 else { throw SystemError("connect") }
  return descriptor
}
