internal import CPlatform
internal import Glibc

// Changes to the names in a folder. Each acts in this folder itself and follows no link.
extension Directory {
  /// Makes a folder. Throws `EEXIST` where something of that name is there.
  package func makeDirectory(_ name: FileName, permissions: UInt32 = 0o755) throws(SystemError) {
    try systemCall("mkdirat", name.string) {
      descriptor.withDescriptor { folder in name.withCString { mkdirat(folder, $0, mode_t(permissions)) } }
    }
  }

  /// Makes a folder and what is missing on the way to it, and opens it. One that is there is taken as made.
  ///
  /// Returns how many folders were made. Links on the way are followed beneath the folder.
  @discardableResult
  package func makeDirectories(
    _ path: RelativePath, permissions: UInt32 = 0o755
  ) throws(SystemError)
    -> (directory: Directory, made: Int)
  {
    do {
      return (try openDirectory(path), 0)
    } catch  where error.errno == ENOENT && !path.isRoot {
      // Seen missing: made below. Another process may make it at the same time, which is as good.
    }
    let (parent, made) = try makeDirectories(path.parent, permissions: permissions)
    guard let name = FileName(path.name) else { return (parent, made) }
    do {
      try parent.makeDirectory(name, permissions: permissions)
      return (try openDirectory(path), made + 1)
    } catch  where error.errno == EEXIST {
      return (try openDirectory(path), made)
    }
  }

  /// Makes a link that holds `target` as it is.
  package func makeLink(_ name: FileName, to target: [UInt8]) throws(SystemError) {
    try systemCall("symlinkat", name.string) {
      withTerminated(target) { target in
        descriptor.withDescriptor { folder in name.withCString { symlinkat(target, folder, $0) } }
      }
    }
  }

  /// Removes a file, or a link itself.
  package func removeFile(_ name: FileName) throws(SystemError) {
    try systemCall("unlinkat", name.string) {
      descriptor.withDescriptor { folder in name.withCString { unlinkat(folder, $0, 0) } }
    }
  }

  /// Removes an empty folder.
  package func removeDirectory(_ name: FileName) throws(SystemError) {
    try systemCall("unlinkat", name.string) {
      descriptor.withDescriptor { folder in name.withCString { unlinkat(folder, $0, AT_REMOVEDIR) } }
    }
  }

  /// What becomes of something that has the new name already.
  package enum Collision: Sendable {
    /// The rename fails with `EEXIST`.
    case refuse
    /// It is replaced in the same step, as by rename(2).
    case replace
    /// It gets the old name in the same step.
    case exchange
  }

  /// Gives `name` the name and the folder of `place`, in one step.
  ///
  /// Some network file systems cannot refuse in the same step: there a file is linked and then removed, and for a
  /// folder the check comes just before the rename.
  package func rename(_ name: FileName, to place: Place, _ collision: Collision = .refuse) throws(SystemError) {
    let flags: UInt32 =
      switch collision {
      case .refuse: BERTH_RENAME_NOREPLACE
      case .replace: 0
      case .exchange: BERTH_RENAME_EXCHANGE
      }
    do {
      try rename(name, to: place, flags: flags)
    } catch  where error.errno == EINVAL && collision == .refuse {
      if try status(of: name).kind == .directory {
        guard try place.status() == nil else { throw SystemError(errno: EEXIST, operation: "renameat2") }
        try rename(name, to: place, flags: 0)
      } else {
        try makeHardLink(name, at: place)
        try removeFile(name)
      }
    }
  }

  private func rename(_ name: FileName, to place: Place, flags: UInt32) throws(SystemError) {
    try platformCall("renameat2", name.string) {
      descriptor.withDescriptor { from in
        place.directory.descriptor.withDescriptor { to in
          name.withCString { old in place.name.withCString { berth_renameat2(from, old, to, $0, flags) } }
        }
      }
    }
  }

  /// Gives the file `name` a second name. Throws `EEXIST` where that is taken.
  package func makeHardLink(_ name: FileName, at place: Place) throws(SystemError) {
    try systemCall("linkat", name.string) {
      descriptor.withDescriptor { from in
        place.directory.descriptor.withDescriptor { to in
          name.withCString { old in place.name.withCString { linkat(from, old, to, $0, 0) } }
        }
      }
    }
  }

  /// Waits until the names in the folder are on the disk.
  package func synchronize() throws(SystemError) {
    try open(.root, [.read, .directory]).synchronize()
  }
}
