internal import Platform

/// Opens the folders of a tree one after the other, and follows no link on the way.
///
/// The folders on the way to the last path stay open, so that visiting a tree in its order opens each folder once. Call
/// `forget` when a folder of the tree was moved.
struct FolderTrail {
  private let root: Directory
  private var way: [(name: FileName, directory: Directory)] = []

  init(_ root: Directory) {
    self.root = root
  }

  /// Opens a folder beneath the root. A link on the way or at the end fails with `ENOTDIR`.
  mutating func open(_ path: RelativePath) throws(SystemError) -> Directory {
    var depth = 0
    var directory = root
    for part in path.components {
      if depth < way.count, way[depth].name.bytes == part {
        directory = way[depth].directory
      } else {
        way.removeSubrange(depth...)
        guard let name = FileName(part) else {
          throw SystemError(errno: SystemError.Code.invalid, operation: "openat", path: path.description)
        }
        do {
          directory = Directory(adopting: try directory.open(name, [.location, .directory]))
        } catch {
          throw error.about(path.description)
        }
        way.append((name, directory))
      }
      depth += 1
    }
    return directory
  }

  /// The folder that a path's last part is in, and that part.
  mutating func place(of path: RelativePath) throws(SystemError) -> Place {
    guard let name = FileName(path.name) else {
      throw SystemError(errno: SystemError.Code.invalid, operation: "openat", path: path.description)
    }
    return Place(directory: try open(path.parent), name: name)
  }

  /// What is at a path; nil where nothing is, or where the way to it leads through something that is no folder.
  mutating func status(of path: RelativePath) throws(SystemError) -> FileStatus? {
    do {
      return try place(of: path).status()
    } catch  where error.errno == SystemError.Code.notFound || error.errno == SystemError.Code.notDirectory {
      return nil
    }
  }

  /// Closes the folders that are open.
  mutating func forget() {
    way = []
  }
}
