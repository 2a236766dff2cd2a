internal import CPlatform
internal import Glibc

/// Copies files, links and folder trees, descriptor by descriptor, following no link.
///
/// A copy has the permission bits (without the set-id bits) and the times of change of what it was made from; it
/// belongs to this process's user. On file systems that can, it shares the content until one of both is changed.
package struct TreeCopy {
  /// What cannot be copied: a device, a socket or a pipe.
  package struct NotCopied: Error, Sendable {
    /// Below what was to be copied; the root for that itself.
    package let path: RelativePath
  }

  /// Called before each entry, with what was copied so far; what it throws ends the copying.
  package var checkpoint: (TreeCopy) throws -> Void = { _ in }
  /// How many files, links and folders were copied.
  package private(set) var entries = 0
  /// How much content was copied, in bytes.
  package private(set) var bytes: Int64 = 0

  package init() {}

  /// Copies what is at `source` to `target`, where nothing may be. Names of Berth's own are left out of folders.
  ///
  /// What was copied before an error stays: copy to a name of your own and rename it, or remove it.
  package mutating func copy(_ source: Place, to target: Place) throws {
    try copy(source, to: target, path: .root, depth: 0)
  }

  /// How many folders below one another are copied. Each level holds two descriptors.
  private static let maxDepth = 256

  private mutating func copy(_ source: Place, to target: Place, path: RelativePath, depth: Int) throws {
    try checkpoint(self)
    let status = try source.directory.status(of: source.name)
    switch status.kind {
    case .file: try copyFile(source, to: target, path: path)
    case .link:
      try target.directory.makeLink(target.name, to: source.directory.readLink(source.name))
    case .directory:
      guard depth < Self.maxDepth else {
        throw SystemError(errno: ENAMETOOLONG, operation: "openat", path: path.description)
      }
      try copyDirectory(source, to: target, path: path, depth: depth)
    case .other: throw NotCopied(path: path)
    }
    entries += 1
  }

  private mutating func copyDirectory(_ source: Place, to target: Place, path: RelativePath, depth: Int) throws {
    let (from, entries) = try source.directory.listing(of: source.name)
    let status = try from.status()
    try target.directory.makeDirectory(target.name, permissions: 0o700)
    let copy = try target.directory.open(target.name, [.read, .directory])
    let to = Directory(adopting: copy)
    for entry in entries.sorted(by: { $0.inode < $1.inode }) where !entry.name.isStaging {
      try self.copy(
        Place(directory: from, name: entry.name), to: Place(directory: to, name: entry.name),
        path: path.appending(entry.name.bytes), depth: depth + 1)
    }
    try copy.setPermissions(status.permissions & 0o1777)
    try copy.setModified(nanosecondsSince1970: status.modified)
  }

  private mutating func copyFile(_ source: Place, to target: Place, path: RelativePath) throws {
    let from = try source.directory.open(source.name, [.read, .nonBlocking])
    let status = try from.status()
    guard status.kind == .file else { throw NotCopied(path: path) }
    let to = try target.directory.open(target.name, [.write, .create, .exclusive], permissions: 0o600)
    try copyContent(of: from, to: to)
    try to.setPermissions(status.permissions & 0o777)
    try to.setModified(nanosecondsSince1970: status.modified)
    bytes += try to.status().size
  }

  /// Copies all content from one open file to another, empty one, by the cheapest way that the file system has.
  package mutating func copyContent(of source: OwnedDescriptor, to target: OwnedDescriptor) throws {
    let cloned = source.withDescriptor { from in target.withDescriptor { to in berth_clone_file(from, to) } }
    if cloned == 0 { return }
    let chunk = 64 << 20
    var copied = 0
    while true {
      let count = source.withDescriptor { from in
        target.withDescriptor { to in berth_copy_file_range(from, to, chunk) }
      }
      if count == -EINTR { continue }
      if count == -ENOSPC || count == -EDQUOT || count == -EIO || count == -EFBIG {
        throw SystemError(errno: Int32(-count), operation: "copy_file_range")
      }
      // Nothing at once may mean a file system whose files have no size of their own: read it to be sure.
      if count < 0 || (count == 0 && copied == 0) { break }
      if count == 0 { return }
      copied += count
      try checkpoint(self)
    }
    try withUnsafeTemporaryAllocation(byteCount: 256 * 1024, alignment: 16) { buffer in
      while true {
        let count = try source.read(into: buffer)
        if count == 0 { break }
        try target.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        try checkpoint(self)
      }
    }
  }
}
