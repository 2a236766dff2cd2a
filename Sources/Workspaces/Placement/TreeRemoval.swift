internal import Glibc
internal import Platform

/// Removes a tree of files, whatever it holds.
///
/// No link is followed and no other file system entered. Folders that are closed to their owner are opened first. Deep
/// trees are taken apart: what lies below a certain depth is moved up and removed from there, so that neither the stack
/// nor the descriptors run out.
private struct TreeRemoval {
  let top: Directory
  let device: UInt64
  private var movedUp: [FileName] = []
  private var moves = 0

  private static let maximumDepth = 64

  init(in top: Directory) throws(SystemError) {
    self.top = top
    device = try top.identity().device
  }

  mutating func remove(_ name: FileName) throws(SystemError) {
    try removeFolder(name, in: top, depth: 0)
    while let name = movedUp.popLast() { try removeFolder(name, in: top, depth: 0) }
  }

  private mutating func removeFolder(_ name: FileName, in parent: Directory, depth: Int) throws(SystemError) {
    do {
      try parent.removeDirectory(name)
      return
    } catch where error.errno == ENOENT {
      return
    } catch where error.errno == ENOTEMPTY || error.errno == EEXIST {
      // Emptied below.
    }
    if depth == Self.maximumDepth { return try moveUp(name, from: parent) }
    let (folder, entries) = try parent.openForRemoval(name)
    guard try folder.identity().device == device else {
      throw SystemError(errno: EBUSY, operation: "unlinkat", path: name.string)
    }
    for entry in entries {
      // What a listing does not tell the type of shows it when it is removed.
      if entry.kind != .directory, try folder.removeUnlessFolder(entry.name) { continue }
      try removeFolder(entry.name, in: folder, depth: depth + 1)
    }
    do {
      try parent.removeDirectory(name)
    } catch where error.errno == ENOENT {
      // Removed by somebody else meanwhile.
    }
  }

  private mutating func moveUp(_ name: FileName, from parent: Directory) throws(SystemError) {
    while true {
      moves += 1
      guard let free = FileName(".berth-removed-\(moves)") else { return }
      do {
        try parent.rename(name, to: Place(directory: top, name: free))
        movedUp.append(free)
        return
      } catch where error.errno == EEXIST {
        continue
      }
    }
  }
}

extension Directory {
  /// Removes whatever has that name in this folder, a folder with all that it holds. Nothing there is as good.
  func removeTree(_ name: FileName) throws(SystemError) {
    if try removeUnlessFolder(name) { return }
    var removal = try TreeRemoval(in: self)
    try removal.remove(name)
  }

  /// Removes a file or a link. Returns false, and removes nothing, where it is a folder.
  fileprivate func removeUnlessFolder(_ name: FileName) throws(SystemError) -> Bool {
    do {
      try removeFile(name)
      return true
    } catch where error.errno == ENOENT {
      return true
    } catch where error.errno == EISDIR || error.errno == EPERM {
      // EPERM is what POSIX has for a folder; it is also what a file that must not be removed gives.
      guard try status(of: name).kind == .directory else { throw error }
      return false
    }
  }

  fileprivate func openForRemoval(_ name: FileName) throws(SystemError) -> (
    directory: Directory, entries: [DirectoryEntry]
  ) {
    do throws(SystemError) {
      let (folder, entries) = try listing(of: name)
      // What it holds can be removed only by who may write and search it.
      if try folder.status().permissions & 0o300 != 0o300 { try folder.descriptor.setPermissions(0o700) }
      return (folder, entries)
    } catch {
      guard error.errno == EACCES else { throw error }
      // Nobody else puts links where removed trees lie, so that the name still means the folder.
      let code = descriptor.withDescriptor { folder in
        Array(name.bytes).withCString { fchmodat(folder, $0, 0o700, 0) }
      }
      if code != 0 { throw error }
      return try listing(of: name)
    }
  }
}
