internal import BerthProtocol
internal import Glibc
internal import Platform

/// Unpacks an archive into a folder of Berth's own. The archive is taken for hostile: see `TreeBuilder`.
enum Unpacking {
  /// - Parameters:
  ///   - archive: The archive, open for reading at its beginning.
  ///   - root: An empty folder that nobody else writes to.
  ///   - step: Called before each entry and now and then within one, with how many packed bytes have been looked at and
  ///     how many there are. What it throws ends the unpacking.
  /// - Throws: `archive_rejected`, with the name of the entry.
  static func unpack(
    _ archive: OwnedDescriptor, into root: Directory, limits: TemplatesConfig,
    step: (_ completed: Int64, _ total: Int64) throws -> Void
  ) throws {
    try ArchiveLocale.withUTF8 {
      let reader = try ArchiveReader(archive)
      var builder = TreeBuilder(in: root, budget: ContentBudget(limits, refusal: ProtocolError.archiveRejected))
      while let entry = try reader.next() {
        try step(reader.packedBytes, reader.packedSize)
        try add(entry, from: reader, to: &builder, step)
      }
      try builder.finish()
    }
  }

  private static func add(
    _ entry: ArchiveEntry, from reader: ArchiveReader, to builder: inout TreeBuilder,
    _ step: (_ completed: Int64, _ total: Int64) throws -> Void
  ) throws {
    let path = try builder.checkedPath(entry.name)
    switch entry.kind {
    case .directory:
      // Archives made without permissions tell 0 for them.
      let permissions = entry.permissions & 0o777 == 0 ? 0o755 : entry.permissions
      try builder.makeDirectory(path, permissions: permissions, modified: entry.modified)
    case .link(let target):
      try builder.makeLink(path, to: target)
    case .hardLink(let target):
      try builder.makeHardLink(path, to: target)
    case .other(let what):
      throw ProtocolError.archiveRejected("it is \(what)", entry: entry.text)
    case .file:
      let file = try builder.makeFile(path)
      var end: Int64 = 0
      let size = try reader.readContent(of: entry) { content, offset in
        // Holes count: they are free on this disk, and not on the next.
        let grown = max(end, offset + Int64(content.count)) - end
        end += grown
        try builder.add(bytes: grown, packed: min(reader.packedBytes, reader.packedSize), to: path)
        try file.write(content, at: offset)
        try step(reader.packedBytes, reader.packedSize)
      }
      if size > end { try builder.add(bytes: size - end, packed: reader.packedSize, to: path) }
      try file.setSize(size)
      let permissions = entry.permissions & 0o777 == 0 ? 0o644 : entry.permissions
      try builder.complete(file, permissions: permissions, modified: entry.modified)
    }
  }
}

extension OwnedDescriptor {
  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let count = withDescriptor {
        pwrite($0, bytes.baseAddress?.advanced(by: written), bytes.count - written, Int(offset) + written)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError(errno: errno, operation: "pwrite")
      }
      written += count
    }
  }

  /// Cuts the file to that size, or fills it up with zeros.
  func setSize(_ size: Int64) throws(SystemError) {
    if withDescriptor({ ftruncate($0, Int(size)) }) != 0 { throw SystemError(errno: errno, operation: "ftruncate") }
  }
}
