import Glibc

/// The user whom the server runs as: whose keys, agent and configuration of SSH are used.
struct LocalUser: Sendable {
  var name: String
  var home: String
  var agentSocket: String?

  static func current() -> LocalUser {
    let entry = getpwuid(geteuid())
    let home = value("HOME") ?? entry.map { String(cString: $0.pointee.pw_dir) } ?? "/"
    let name = entry.map { String(cString: $0.pointee.pw_name) } ?? value("USER") ?? "root"
    return LocalUser(name: name, home: home, agentSocket: value("SSH_AUTH_SOCK"))
  }

  private static func value(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A path in which `~` may stand for the home folder.
  func expand(_ path: String) -> String {
    path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
  }
}

/// Whether this process may read a file.
func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }
