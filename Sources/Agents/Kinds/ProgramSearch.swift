import Glibc

/// Where programs are.
enum ProgramSearch {
  /// The path of a program: one that has a slash in it is meant as it is, others are looked for in PATH.
  ///
  /// - Parameter environment: `NAME=value`.
  static func find(_ name: String, in environment: [String]) -> String? {
    if name.contains("/") { return isProgram(name) ? name : nil }
    let path = environment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }.first(where: isProgram)
  }

  private static func isProgram(_ path: String) -> Bool {
    var info = stat()
    return access(path, X_OK) == 0 && stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
  }
}
