internal import Glibc

/// Who is at the other end of a Unix socket, as the kernel knows it.
package struct PeerCredentials: Sendable {
  /// The kernel's `struct ucred`.
  package struct Raw: Sendable {
    var processID: Int32 = 0
    var userID: UInt32 = 0
    var groupID: UInt32 = 0
  }

  /// The socket option that yields `Raw` (`SO_PEERCRED`).
  package static var option: Int32 { SO_PEERCRED }

  package let processID: Int32
  package let userID: UInt32

  package init(_ raw: Raw) {
    processID = raw.processID
    userID = raw.userID
  }

  package init(socket: OwnedDescriptor) throws(SystemError) {
    var raw = Raw()
    var length = socklen_t(MemoryLayout<Raw>.size)
    let result = socket.withDescriptor { getsockopt($0, SOL_SOCKET, SO_PEERCRED, &raw, &length) }
    guard result == 0 else { throw SystemError("getsockopt") }
    self.init(raw)
  }

  /// Whether this is the user that the server runs as, who owns the home.
  package var isOwner: Bool { userID == geteuid() }
}
