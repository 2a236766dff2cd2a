internal import CPlatform
internal import Glibc

extension Directory {
  /// Removes whatever has that name: a file, a link itself, or a folder with all that it holds.
  ///
  /// Each folder is opened by name without following links and emptied through its descriptor: a link that is put in a
  /// folder's place meanwhile is removed, not followed. Other file systems that are mounted inside are not entered:
  /// that fails with `EBUSY`. Folders of the process's own that are closed to it are opened first. It ends at the first
  /// entry that cannot be removed; what is gone by then is gone.
  ///
  /// - Parameter checkpoint: called before each entry; what it throws ends the removal.
  /// - Returns: how many files, links and folders are gone.
  @discardableResult
  package func removeTree(_ name: FileName, checkpoint: @escaping () throws -> Void) throws -> Int {
    try checkpoint()
    do {
      try removeFile(name)
      return 1
    } catch {
      // EPERM is what POSIX has for a folder, and what a file that may not be removed gives.
      let mayBeFolder = error.errno == EISDIR || error.errno == EPERM
      guard mayBeFolder, try status(of: name).kind == .directory else { throw error }
    }
    let top = try listingForRemoval(of: name)
    var removal = TreeRemoval(top: top.directory, device: top.status.identity.device, checkpoint: checkpoint)
    try removal.empty(self, name, depth: 0)
    return removal.removed
  }

  /// As `removeTree(_:checkpoint:)`. Where nothing has that name, there is nothing to do.
  package func removeTree(_ name: FileName) throws(SystemError) {
    do {
      try removeTree(name, checkpoint: {})
    } catch let error as SystemError {
      if error.errno != ENOENT { throw error }
    } catch {
      // Nothing else is thrown without a checkpoint.
    }
  }

  /// Opens a folder that is to be emptied; where its permission bits deny that, they are changed first.
  fileprivate func listingForRemoval(
    of name: FileName
  ) throws(SystemError)
    -> (directory: Directory, entries: [DirectoryEntry], status: FileStatus)
  {
    do {
      let (folder, entries) = try listing(of: name)
      let status = try folder.status()
      if status.permissions & 0o300 == 0o300 || status.owner != geteuid() { return (folder, entries, status) }
    } catch {
      guard error.errno == EACCES else { throw error }
    }
    let closed = try open(name, [.location, .directory])
    try platformCall("chmod", name.string) { closed.withDescriptor { berth_set_permissions($0, 0o700) } }
    let (folder, entries) = try listing(of: name)
    return (folder, entries, try folder.status())
  }
}

private struct TreeRemoval {
  /// How many folders are open at once. Those that lie deeper are first moved up into `top`, so that no depth uses up
  /// the process's descriptors.
  static let maxDepth = 64
  /// How often a folder that is not empty yet is looked at again.
  static let maxRounds = 10_000

  let top: Directory
  let device: UInt64
  let checkpoint: () throws -> Void
  var removed = 0

  /// Removes the folder `name` of `parent` with all that it holds.
  mutating func empty(_ parent: Directory, _ name: FileName, depth: Int) throws {
    let (folder, entries, status) = try parent.listingForRemoval(of: name)
    guard status.identity.device == device else {
      throw SystemError(errno: EBUSY, operation: "unlinkat", path: name.string)
    }
    for entry in entries {
      try remove(entry.name, of: folder, isDirectory: entry.kind == .directory, depth: depth)
    }
    // Folders from below may have been moved up here, and others may add to it: look again until it is empty.
    var rounds = 0
    while true {
      do {
        try parent.removeDirectory(name)
        removed += 1
        return
      } catch {
        if error.errno == ENOENT { return }
        guard error.errno == ENOTEMPTY, rounds < Self.maxRounds else { throw error }
      }
      rounds += 1
      for entry in try folder.entries() {
        try remove(entry.name, of: folder, isDirectory: entry.kind == .directory, depth: depth)
      }
    }
  }

  private mutating func remove(_ name: FileName, of folder: Directory, isDirectory: Bool, depth: Int) throws {
    try checkpoint()
    if !isDirectory {
      do {
        try folder.removeFile(name)
        removed += 1
        return
      } catch {
        if error.errno == ENOENT { return }
        let mayBeFolder = error.errno == EISDIR || error.errno == EPERM
        guard mayBeFolder, try folder.status(of: name).kind == .directory else { throw error }
      }
    }
    if depth < Self.maxDepth {
      do {
        try empty(folder, name, depth: depth + 1)
      } catch let error as SystemError where error.errno == ENOENT {
        // Somebody else removed it.
      } catch let error as SystemError where error.errno == ENOTDIR || error.errno == ELOOP {
        // Something else was put in its place.
        try folder.removeFile(name)
        removed += 1
      }
    } else {
      try folder.rename(name, to: Place(directory: top, name: StagedName.next()))
    }
  }
}
