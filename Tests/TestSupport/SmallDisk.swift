import Glibc
import Platform

/// A file system in memory of a given size, for what happens when it is full.
package final class SmallDisk {
  package let path: String
  private var filler: String { path + "/filler" }

  /// Whether this user may mount.
  package static let isPossible: Bool = {
    guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
    return (try? SmallDisk(at: folder.path, bytes: 1 << 20)) != nil
  }()

  /// - Parameter path: Where to mount it; the folder is made where it is missing.
  package init(at path: String, bytes: Int) throws {
    self.path = path
    mkdir(path, 0o700)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else { throw SystemError("mount", path: path) }
  }

  deinit {
    umount2(path, Int32(MNT_DETACH))
  }

  /// Leaves no room.
  package func fill() throws {
    let number = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw SystemError("open", path: filler) }
    defer { close(number) }
    let block = [UInt8](repeating: 1, count: 4096)
    while write(number, block, block.count) > 0 {}
    guard errno == ENOSPC else { throw SystemError("write", path: filler) }
  }

  package func makeRoom() {
    unlink(filler)
  }
}
