internal import BerthProtocol
internal import Glibc
internal import Platform

/// Carries out the steps of a plan, or takes them back.
struct PlacementRun {
  private let stage: Stage
  private let folderName: FileName
  /// The stage's folder seen as the place of its folders.
  private var staged: FolderTrail
  /// The workspace's folder; nil where the plan is about the folder itself, which may not exist.
  private var workspace: FolderTrail?

  init(_ stage: Stage, folder: Directory?) throws(SystemError) {
    guard let name = FileName(FolderPath.name(of: stage.folder)) else {
      throw SystemError(errno: EINVAL, operation: "renameat2", path: stage.folder)
    }
    self.stage = stage
    folderName = name
    staged = FolderTrail(stage.directory)
    workspace = folder.map { FolderTrail($0) }
  }

  mutating func carryOut(_ step: PlacementStep) throws(SystemError) {
    switch step {
    case .exchangeFolder:
      try stage.directory.rename(Stage.tree, to: folder, .exchange)
    case .placeFolder:
      try stage.directory.rename(Stage.tree, to: folder, .refuse)
    case .moveIn(let slot, let path, _):
      let from = try staged.place(of: slot)
      try from.directory.rename(from.name, to: try place(of: path), .refuse)
    case .exchange(let slot, let path, _):
      let from = try staged.place(of: slot)
      try from.directory.rename(from.name, to: try place(of: path), .exchange)
    case .moveOut(let path, let slot):
      let from = try place(of: path)
      try from.directory.rename(from.name, to: try staged.place(of: slot), .refuse)
      workspace?.forget()
    case .removeFolder(let path, _):
      let place = try place(of: path)
      do {
        try place.directory.removeDirectory(place.name)
      } catch  where error.errno == ENOTEMPTY || error.errno == EEXIST || error.errno == ENOENT {
        // It holds what is not to be touched, or went by itself.
      }
      workspace?.forget()
    case .setAttributes(let path, _, let after):
      try set(after, of: path)
    }
  }

  /// Takes a step back where it was carried out; what was never done, or was changed again since, is left alone.
  mutating func undo(_ step: PlacementStep) throws(SystemError) {
    switch step {
    case .exchangeFolder(let inode):
      if try folder.status()?.identity.inode == inode {
        try stage.directory.rename(Stage.tree, to: folder, .exchange)
      }
    case .placeFolder(let inode):
      if try folder.status()?.identity.inode == inode {
        try stage.parent.rename(folderName, to: Place(directory: stage.directory, name: Stage.tree))
      }
    case .moveIn(let slot, let path, let inode):
      guard try staged.status(of: slot) == nil, try status(of: path)?.identity.inode == inode else { return }
      let from = try place(of: path)
      try from.directory.rename(from.name, to: try staged.place(of: slot), .refuse)
      workspace?.forget()
    case .exchange(let slot, let path, let inode):
      guard try status(of: path)?.identity.inode == inode else { return }
      let from = try staged.place(of: slot)
      try from.directory.rename(from.name, to: try place(of: path), .exchange)
    case .moveOut(let path, let slot):
      guard try staged.status(of: slot) != nil else { return }
      let from = try staged.place(of: slot)
      try from.directory.rename(from.name, to: try place(of: path), .refuse)
    case .removeFolder(let path, let was):
      guard try status(of: path) == nil else { return }
      let place = try place(of: path)
      try place.directory.makeDirectory(place.name, permissions: 0o700)
      let folder = try place.directory.open(place.name, [.read, .directory])
      // Only root can give a folder away, and then nobody else had taken one from root.
      try? folder.setOwner(was.owner, group: was.group)
      try folder.setPermissions(was.permissions)
    case .setAttributes(let path, let before, let after):
      guard let status = try status(of: path), FileAttributes(status) == after else { return }
      try set(before, of: path)
    }
  }

  /// Sets the time of a folder back.
  mutating func restoreTime(of path: RelativePath, _ modified: Int64) throws(SystemError) {
    guard var trail = workspace else { return }
    try trail.open(path).setModified(modified)
  }

  private var folder: Place { Place(directory: stage.parent, name: folderName) }

  private mutating func place(of path: RelativePath) throws(SystemError) -> Place {
    guard let place = try workspace?.place(of: path) else {
      throw SystemError(errno: ENOENT, operation: "openat", path: path.description)
    }
    return place
  }

  private mutating func status(of path: RelativePath) throws(SystemError) -> FileStatus? {
    path.isRoot ? try workspace?.open(.root).status() : try workspace?.status(of: path)
  }

  private mutating func set(_ attributes: FileAttributes, of path: RelativePath) throws(SystemError) {
    guard path.isRoot else { return try place(of: path).set(attributes) }
    let folder = try workspace?.open(.root).open(.root, [.read, .directory])
    try folder?.setPermissions(attributes.permissions)
    try folder?.setModified(nanosecondsSince1970: attributes.modified)
  }
}

extension Place {
  /// Sets the permissions and the time of what is here. A link, which has no permissions of its own, is not followed.
  func set(_ attributes: FileAttributes) throws(SystemError) {
    if try status()?.kind != .link {
      // Through the descriptor's entry in /proc: fchmod(2) wants one that is open for reading, which a file may forbid.
      let location = try directory.open(name, [.location])
      let code = location.withDescriptor { chmod("/proc/self/fd/\($0)", attributes.permissions) }
      if code != 0 { throw SystemError(errno: errno, operation: "chmod", path: name.string) }
    }
    let code = directory.descriptor.withDescriptor { folder in
      Array(name.bytes).withCString { utimensat(folder, $0, times(modified: attributes.modified), AT_SYMLINK_NOFOLLOW) }
    }
    if code != 0 { throw SystemError(errno: errno, operation: "utimensat", path: name.string) }
  }
}

extension Directory {
  /// Sets the time of the folder's last change, in nanoseconds since 1970.
  func setModified(_ modified: Int64) throws(SystemError) {
    try open(.root, [.read, .directory]).setModified(nanosecondsSince1970: modified)
  }
}

/// What utimensat(2) takes to set the time of the content and leave that of reading.
private func times(modified: Int64) -> [timespec] {
  let omit = (1 << 30) - 2
  var seconds = modified / 1_000_000_000
  var rest = modified % 1_000_000_000
  if rest < 0 {
    seconds -= 1
    rest += 1_000_000_000
  }
  return [timespec(tv_sec: 0, tv_nsec: omit), timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))]
}
