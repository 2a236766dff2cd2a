import Glibc
import Platform

/// Folders that were made on the way to something that may yet fail.
struct MadeFolders {
  private(set) var paths: [String] = []

  /// Makes a folder and those above it that are missing. One that is there already is left as it is.
  ///
  /// - Parameter permissions: Of every folder that is made, less the umask.
  /// - Returns: Whether the folder itself was made.
  @discardableResult
  mutating func make(_ path: String, permissions: mode_t) throws(SystemError) -> Bool {
    if mkdir(path, permissions) == 0 {
      paths.append(path)
      return true
    }
    switch errno {
    case EEXIST:
      return false
    case ENOENT where path != "/":
      try make(FolderPath.parent(of: path), permissions: permissions)
      guard mkdir(path, permissions) == 0 else { throw SystemError(errno: errno, operation: "mkdir", path: path) }
      paths.append(path)
      return true
    case let code:
      throw SystemError(errno: code, operation: "mkdir", path: path)
    }
  }

  /// Removes what was made, as far as it is still empty.
  func remove() {
    for path in paths.reversed() { rmdir(path) }
  }
}

/// Whether a folder can be read and holds nothing.
func isEmptyFolder(_ path: String) -> Bool {
  (try? Directory(path: path).entries().isEmpty) ?? false
}
