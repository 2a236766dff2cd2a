import Glibc
import Platform

/// A listening socket that systemd passes on (sd_listen_fds(3)).
enum SystemdSocket {
  private static let firstDescriptor: Int32 = 3

  /// The socket, where this process was started with one. It is taken once; children don't see the variables.
  static func take() -> OwnedDescriptor? {
    defer {
      unsetenv("LISTEN_PID")
      unsetenv("LISTEN_FDS")
      unsetenv("LISTEN_FDNAMES")
    }
    guard let process = getenv("LISTEN_PID"), Int32(String(cString: process)) == getpid(),
      let count = getenv("LISTEN_FDS"), (Int(String(cString: count)) ?? 0) >= 1
    else { return nil }
    _ = fcntl(firstDescriptor, F_SETFD, FD_CLOEXEC)
    return OwnedDescriptor(adopting: firstDescriptor)
  }
}
