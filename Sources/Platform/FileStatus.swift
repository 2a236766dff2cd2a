internal import Glibc

/// Which file it is, whatever its path: the same file has the same identity for as long as it exists.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// What a path leads to.
package enum FileKind: Sendable, Hashable {
  case file
  case directory
  case link
  /// A device, a socket or a pipe.
  case other

  /// The kind in the upper bits of `st_mode`.
  init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .directory
    case S_IFLNK: self = .link
    default: self = .other
    }
  }

  /// The kind that readdir(3) tells; nil where the file system does not say.
  init?(entryType: UInt8) {
    switch Int(entryType) {
    case DT_UNKNOWN: return nil
    case DT_REG: self = .file
    case DT_DIR: self = .directory
    case DT_LNK: self = .link
    default: self = .other
    }
  }
}

/// What stat(2) tells of a file.
package struct FileStatus: Sendable, Hashable {
  package let identity: FileIdentity
  package let kind: FileKind
  /// The permission bits, set-id and sticky bits included.
  package let permissions: UInt32
  package let owner: UInt32
  package let group: UInt32
  /// How many names it has.
  package let links: UInt64
  /// In bytes.
  package let size: Int64
  /// How much it takes on the disk, in bytes.
  package let allocated: Int64
  /// When its content was last changed, in nanoseconds since 1970.
  package let modified: Int64
  /// When it or what is known of it was last changed, in nanoseconds since 1970. It cannot be set by a program.
  package let changed: Int64

  init(_ found: stat) {
    identity = FileIdentity(device: UInt64(found.st_dev), inode: UInt64(found.st_ino))
    kind = FileKind(mode: found.st_mode)
    permissions = UInt32(found.st_mode & 0o7777)
    owner = found.st_uid
    group = found.st_gid
    links = UInt64(found.st_nlink)
    size = Int64(found.st_size)
    allocated = Int64(found.st_blocks) * 512
    modified = Int64(found.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(found.st_mtim.tv_nsec)
    changed = Int64(found.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(found.st_ctim.tv_nsec)
  }
}
