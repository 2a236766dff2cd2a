import CPlatform
import Glibc

/// What tells one folder from another that stands, or stood, under the same name.
///
/// Inode numbers are given out again soon after a folder was removed, so its time of birth counts too. Device numbers
/// change when file systems are mounted in another order, so they count only where no time of birth is known.
package struct FolderIdentity: Sendable, Hashable {
  /// The number of the device it is on.
  package var device: Int64
  /// Its inode number.
  package var inode: Int64
  /// When it was made, in nanoseconds since 1970; 0 where the file system does not keep that.
  package var birth: Int64

  package init(device: Int64, inode: Int64, birth: Int64) {
    self.device = device
    self.inode = inode
    self.birth = birth
  }

  /// Whether both are the same folder, seen perhaps before and after the devices were numbered anew.
  package func isSameFolder(as other: FolderIdentity) -> Bool {
    guard inode == other.inode else { return false }
    if birth != 0 && other.birth != 0 { return birth == other.birth }
    return device == other.device
  }
}

/// What stands at a path, as far as it tells folders apart.
package struct FolderLook: Sendable {
  package var identity: FolderIdentity
  package var isDirectory: Bool
  /// Whether a file system is mounted on it; nil where the kernel does not say.
  package var isMountPoint: Bool?

  /// Looks at a path. A link at its end is not followed.
  package static func at(_ path: String) throws(SystemError) -> FolderLook {
    var found = berth_identity()
    // The empty path would mean the descriptor itself.
    try platformCall("statx", path) { path.isEmpty ? -ENOENT : berth_identify(AT_FDCWD, path, &found) }
    return FolderLook(found)
  }

  /// Looks at an open file.
  package static func of(descriptor: Int32) throws(SystemError) -> FolderLook {
    var found = berth_identity()
    try platformCall("statx") { berth_identify(descriptor, "", &found) }
    return FolderLook(found)
  }

  private init(_ found: berth_identity) {
    identity = FolderIdentity(
      device: Int64(bitPattern: found.device), inode: Int64(bitPattern: found.inode), birth: found.birth)
    isDirectory = found.mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
    isMountPoint = found.mount_point < 0 ? nil : found.mount_point == 1
  }
}
