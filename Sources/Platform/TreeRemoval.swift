internal import Glibc

extension Directory {
  /// Removes a folder with all that it holds, or a file or link of that name. Links are removed, not followed, and
  /// nothing of another file system that is mounted within is touched.
  ///
  /// However deep the tree, few descriptors are open at a time: a folder that is not empty is moved to the top of
  /// the tree, to be emptied there. When a step fails the rest stays, folders perhaps under other names; a second call
  /// goes on with it.
  ///
  /// - Returns: How many files, links and folders were removed.
  @discardableResult
  package func removeTree(_ name: FileName) throws(SystemError) -> Int {
    guard try status(of: name).kind == .directory else {
      try removeFile(name)
      return 1
    }
    try openForRemoval(name)
    let (top, entries) = try listing(of: name)
    var removal = TreeRemoval(top: top)
    try removal.empty(top, entries, isTop: true)
    while let next = removal.folders.popLast() {
      try top.openForRemoval(next)
      let (folder, entries) = try top.listing(of: next)
      try removal.empty(folder, entries, isTop: false)
      try top.removeDirectory(next)
      removal.count += 1
    }
    try removeDirectory(name)
    return removal.count + 1
  }

  /// Makes sure that the owner of a folder that is to go can read and change it. Returns whether it was so already.
  @discardableResult
  fileprivate func openForRemoval(_ name: FileName) throws(SystemError) -> Bool {
    if try status(of: name).permissions & 0o700 == 0o700 { return true }
    try systemCall("fchmodat", name.string) {
      descriptor.withDescriptor { folder in name.withCString { fchmodat(folder, $0, 0o700, 0) } }
    }
    return false
  }
}

/// The removal of one tree.
private struct TreeRemoval {
  /// The tree's own folder, which folders from further down are moved to.
  let top: Directory
  /// Folders in `top` that are still to be emptied.
  var folders: [FileName] = []
  var count = 0
  private var lastNumber = 0

  init(top: Directory) {
    self.top = top
  }

  /// Removes what a folder holds. Folders in it that are not empty are put into `folders`.
  mutating func empty(_ folder: Directory, _ entries: [DirectoryEntry], isTop: Bool) throws(SystemError) {
    for entry in entries {
      let kind = if let kind = entry.kind { kind } else { try folder.status(of: entry.name).kind }
      if kind != .directory {
        try folder.removeFile(entry.name)
        count += 1
        continue
      }
      do {
        try folder.removeDirectory(entry.name)
        count += 1
      } catch where error.errno == ENOTEMPTY || error.errno == EEXIST {
        folders.append(isTop ? entry.name : try moveToTop(entry.name, in: folder))
      }
    }
  }

  private mutating func moveToTop(_ name: FileName, in folder: Directory) throws(SystemError) -> FileName {
    while true {
      lastNumber += 1
      let new = FileName(checked: ".berth-removed-\(lastNumber)".utf8)
      do {
        try folder.rename(name, to: Place(directory: top, name: new))
        return new
      } catch where error.errno == EEXIST {
        continue
      } catch where error.errno == EACCES {
        // A folder that moves has its `..` written anew, for which it must be writable itself.
        if try folder.openForRemoval(name) { throw error }
      }
    }
  }
}
