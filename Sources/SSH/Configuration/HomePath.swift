internal import Glibc

/// Paths that begin with `~`.
enum HomePath {
  /// The home of this process's user.
  static var home: String { getenv("HOME").map { String(cString: $0) } ?? "/" }

  static func expand(_ path: String) -> String {
    if path == "~" { return home }
    return path.hasPrefix("~/") ? home + path.dropFirst() : path
  }
}
