internal import BerthProtocol
internal import CArchive
internal import Glibc
internal import JSON
internal import Platform

/// Reads a tar (plain, gzip or zstd) or zip archive from a file, entry by entry.
///
/// Used by one thread, within `ArchiveLocale.withUTF8`. Everything that is wrong with an archive is `archive_rejected`.
final class ArchiveReader {
  private let archive: OpaquePointer
  private let descriptor: OwnedDescriptor
  /// The size of the packed file, in bytes.
  let packedSize: Int64

  private static let blockSize = 64 * 1024

  init(_ descriptor: OwnedDescriptor) throws {
    guard let archive = archive_read_new() else { throw SystemError(errno: ENOMEM, operation: "archive_read_new") }
    self.archive = archive
    self.descriptor = descriptor
    packedSize = try descriptor.status().size
    archive_read_support_filter_gzip(archive)
    archive_read_support_filter_zstd(archive)
    archive_read_support_format_tar(archive)
    // By the directory at its end only: an archive that was cut off has none, and is told from a whole one so.
    archive_read_support_format_zip_seekable(archive)
    let code = descriptor.withDescriptor { archive_read_open_fd(archive, $0, Self.blockSize) }
    if code != ARCHIVE_OK { throw rejection(of: nil) }
  }

  deinit {
    archive_read_free(archive)
  }

  /// How many bytes of the packed file have been looked at.
  var packedBytes: Int64 { archive_filter_bytes(archive, -1) }

  /// The next entry; nil at the end.
  func next() throws -> ArchiveEntry? {
    var header: OpaquePointer?
    let code = archive_read_next_header(archive, &header)
    if code == ARCHIVE_EOF { return nil }
    guard code == ARCHIVE_OK || code == ARCHIVE_WARN, let header else { throw rejection(of: nil) }
    guard let name = archive_entry_pathname(header) else {
      throw ProtocolError.archiveRejected("the name of an entry cannot be read", entry: nil)
    }
    let modified =
      archive_entry_mtime_is_set(header) == 0
      ? nil : Int64(archive_entry_mtime(header)) * 1_000_000_000 + Int64(archive_entry_mtime_nsec(header))
    return ArchiveEntry(
      name: bytes(name), kind: kind(of: header), permissions: UInt32(archive_entry_perm(header)), modified: modified)
  }

  private func kind(of header: OpaquePointer) -> ArchiveEntry.Kind {
    if let target = archive_entry_hardlink(header) { return .hardLink(bytes(target)) }
    switch archive_entry_filetype(header) {
    case ArchiveEntry.fileType: return .file
    case ArchiveEntry.directoryType: return .directory
    case ArchiveEntry.linkType:
      return archive_entry_symlink(header).map { .link(bytes($0)) } ?? .other("a link without a target")
    case ArchiveEntry.pipeType: return .other("a pipe")
    case ArchiveEntry.socketType: return .other("a socket")
    default: return .other("a device")
    }
  }

  /// Reads what the present entry holds.
  ///
  /// - Parameter body: Takes a part and where in the file it goes; what lies between parts is zeros.
  /// - Returns: The size of the file, in bytes.
  func readContent(of entry: ArchiveEntry, _ body: (UnsafeRawBufferPointer, Int64) throws -> Void) throws -> Int64 {
    var end: Int64 = 0
    while true {
      var start: UnsafeRawPointer?
      var count = 0
      var offset: Int64 = 0
      let code = archive_read_data_block(archive, &start, &count, &offset)
      // A warning is a checksum that does not fit.
      guard code == ARCHIVE_OK || code == ARCHIVE_EOF else { throw rejection(of: entry) }
      if code == ARCHIVE_EOF { return max(end, offset) }
      guard offset >= 0, offset <= Int64.max / 2 else {
        throw ProtocolError.archiveRejected("a part of the entry lies beyond any file's end", entry: entry.text)
      }
      end = max(end, offset + Int64(count))
      try body(UnsafeRawBufferPointer(start: start, count: count), offset)
    }
  }

  private func rejection(of entry: ArchiveEntry?) -> ProtocolError {
    let reason = archive_error_string(archive).map { String(cString: $0) } ?? "it cannot be read"
    return .archiveRejected(reason, entry: entry?.text)
  }

  private func bytes(_ string: UnsafePointer<CChar>) -> [UInt8] {
    UnsafeBufferPointer(start: string, count: strlen(string)).map { UInt8(bitPattern: $0) }
  }
}

extension ProtocolError {
  /// - Parameters:
  ///   - reason: What is wrong, as the end of a sentence.
  ///   - entry: The name of the entry that it is about.
  static func archiveRejected(_ reason: String, entry: String?) -> ProtocolError {
    guard let entry else {
      return ProtocolError(.archiveRejected, "The archive was not unpacked: \(reason).", detail: reason)
    }
    return ProtocolError(
      .archiveRejected, "The archive was not unpacked: its entry `\(entry)` was refused: \(reason).",
      detail: "\(entry): \(reason)", extra: ["entry": .string(entry)])
  }
}
