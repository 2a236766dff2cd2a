internal import CPlatform
internal import Glibc

/// A name that a folder holds.
package struct DirectoryEntry: Sendable, Hashable {
  package let name: FileName
  package let inode: UInt64
  /// nil where only `status(of:)` tells.
  package let kind: FileKind?
}

extension Directory {
  /// The names in the folder, in no order, without `.` and `..`.
  package func entries() throws(SystemError) -> [DirectoryEntry] {
    try listing(.root).entries
  }

  /// Opens a folder beneath the folder for reading, and its names. The descriptor serves for acting in it too.
  package func listing(_ path: RelativePath) throws(SystemError) -> (directory: Directory, entries: [DirectoryEntry]) {
    try Self.listing(adopting: open(path, [.read, .directory]))
  }

  /// Opens the folder of that name in this folder itself, and its names. A link fails with `ENOTDIR` or `ELOOP`.
  package func listing(of name: FileName) throws(SystemError) -> (directory: Directory, entries: [DirectoryEntry]) {
    try Self.listing(adopting: open(name, [.read, .directory]))
  }

  /// The names of a folder that is open for reading and whose position nobody else uses.
  package static func listing(
    adopting descriptor: OwnedDescriptor
  ) throws(SystemError)
    -> (directory: Directory, entries: [DirectoryEntry])
  {
    var entries: [DirectoryEntry] = []
    try withUnsafeTemporaryAllocation(byteCount: 32 * 1024, alignment: 8) { buffer throws(SystemError) in
      while true {
        let filled = try platformCall("getdents64") {
          descriptor.withDescriptor { berth_read_entries($0, buffer.baseAddress, buffer.count) }
        }
        if filled == 0 { break }
        var offset = 0
        while offset < filled {
          var entry = berth_entry()
          offset = berth_next_entry(buffer.baseAddress, offset, &entry)
          let bytes = UnsafeRawBufferPointer(start: entry.name, count: entry.name_length)
          guard let name = FileName(bytes) else { continue }
          entries.append(DirectoryEntry(name: name, inode: entry.inode, kind: FileKind(entryType: entry.type)))
        }
      }
    }
    return (Directory(adopting: descriptor), entries)
  }
}
