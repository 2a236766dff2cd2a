internal import BerthProtocol
internal import Glibc
internal import Platform

/// What is in a folder now, as far as a snapshot takes it.
struct FolderScan: Sendable {
  struct Entry: Sendable {
    let path: RelativePath
    let status: FileStatus
    /// What it holds, where it is a link.
    let target: [UInt8]
  }

  /// By path, the folder itself first.
  private(set) var entries: [Entry] = []
  /// How many devices, sockets and pipes were passed over.
  private(set) var skipped = 0

  /// Looks at everything in a folder.
  ///
  /// - Parameters:
  ///   - includesIgnored: Whether what `.gitignore` files name, and `.git`, is taken too.
  ///   - always: What is taken whether it is ignored or not.
  ///   - step: Called for each entry; what it throws ends the scan.
  init(of root: Directory, includesIgnored: Bool, always: [RelativePath] = [], step: () throws -> Void) throws {
    entries.append(Entry(path: .root, status: try root.status(), target: []))
    var walker = TreeWalker(root: root)
    walker.gitignore = !includesIgnored
    try walker.walk { entry in
      try step()
      try add(entry.path, Place(directory: entry.directory, name: entry.name))
      return true
    }
    if try add(always, below: root) { entries.sort { $0.path < $1.path } }
  }

  /// - Returns: Whether anything was added out of order.
  private mutating func add(_ paths: [RelativePath], below root: Directory) throws -> Bool {
    if paths.isEmpty { return false }
    let count = entries.count
    let seen = Set(entries.lazy.map(\.path))
    var trail = FolderTrail(root)
    for path in paths where !seen.contains(path) {
      do throws(SystemError) {
        try add(path, try trail.place(of: path))
      } catch {
        // Nothing is there, or the way to it leads through what is no folder.
        if error.errno != ENOENT && error.errno != ENOTDIR { throw error.about(path.description) }
      }
    }
    return entries.count > count
  }

  private mutating func add(_ path: RelativePath, _ place: Place) throws(SystemError) {
    do {
      let status = try place.directory.status(of: place.name)
      switch status.kind {
      case .other: skipped += 1
      case .link:
        entries.append(Entry(path: path, status: status, target: try place.directory.readLink(place.name)))
      case .file, .directory: entries.append(Entry(path: path, status: status, target: []))
      }
    } catch {
      // What went away during the scan was not to be seen; EINVAL is what reading a link gives that is one no more.
      if error.errno != ENOENT && error.errno != EINVAL { throw error.about(path.description) }
    }
  }
}
