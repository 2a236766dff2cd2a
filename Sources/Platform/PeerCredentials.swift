internal import CPlatform
internal import Glibc

/// Who is at the other end of a Unix socket, as the kernel knows it (`SO_PEERCRED`).
package struct PeerCredentials: Sendable {
  package let processID: Int32
  package let userID: UInt32

  package init(socket descriptor: Int32) throws(SystemError) {
    var process: pid_t = 0
    var user: uid_t = 0
    guard berth_peer_credentials(descriptor, &process, &user) == 0 else { throw SystemError("getsockopt") }
    processID = process
    userID = user
  }

  /// Whether this is the server's own user, who owns the home, or root, whom no socket keeps out.
  package var isOwner: Bool { userID == geteuid() || userID == 0 }
}
