internal import Platform

/// Renames of folders by their absolute paths.
enum Rename {
  /// Renames in one step. Fails with `EEXIST` where something has the new path, and with `EXDEV` where that is on
  /// another file system.
  static func withoutReplacing(_ from: String, _ to: String) throws(SystemError) {
    guard let old = FileName(FolderPath.name(of: from)), let new = FileName(FolderPath.name(of: to)) else {
      throw SystemError(errno: SystemError.Code.invalid, operation: "renameat2", path: from)
    }
    let place = Place(directory: try Directory(path: FolderPath.parent(of: to)), name: new)
    do throws(SystemError) {
      try Directory(path: FolderPath.parent(of: from)).rename(old, to: place, .refuse)
    } catch {
      throw error.about(from)
    }
  }
}

/// Whether a folder can be read and holds nothing.
func isEmptyFolder(_ path: String) -> Bool {
  (try? Directory(path: path).entries().isEmpty) ?? false
}
