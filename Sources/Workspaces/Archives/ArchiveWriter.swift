internal import BerthProtocol
internal import CArchive
internal import Glibc
internal import Platform

/// Writes a tar.gz, tar.zst or zip archive to a file, entry by entry.
///
/// Used by one thread, within `ArchiveLocale.withUTF8`. Owners are left out: they mean nothing on another machine.
final class ArchiveWriter {
  private let archive: OpaquePointer
  private let descriptor: OwnedDescriptor
  private let path: String

  private static let blockSize = 64 * 1024

  /// - Parameters:
  ///   - descriptor: A file that is open for writing and empty.
  ///   - path: Its path, for messages.
  init(_ format: ArchiveFormat, to descriptor: OwnedDescriptor, path: String) throws {
    guard let archive = archive_write_new() else { throw SystemError(errno: ENOMEM, operation: "archive_write_new") }
    self.archive = archive
    self.descriptor = descriptor
    self.path = path
    switch format {
    case .tarGz:
      archive_write_set_format_pax_restricted(archive)
      archive_write_add_filter_gzip(archive)
    case .tarZst:
      archive_write_set_format_pax_restricted(archive)
      archive_write_add_filter_zstd(archive)
    case .zip:
      archive_write_set_format_zip(archive)
    }
    archive_write_set_bytes_per_block(archive, Int32(Self.blockSize))
    // No padding to whole blocks behind the end.
    archive_write_set_bytes_in_last_block(archive, 1)
    try check(descriptor.withDescriptor { archive_write_open_fd(archive, $0) })
  }

  deinit {
    archive_write_free(archive)
  }

  /// How many bytes of the archive have been written.
  var packedBytes: Int64 { archive_filter_bytes(archive, -1) }

  /// Begins an entry; a file's content follows with `write`, of exactly `size` bytes.
  func begin(_ entry: ArchiveEntry, size: Int64) throws {
    guard let header = archive_entry_new() else { throw SystemError(errno: ENOMEM, operation: "archive_entry_new") }
    defer { archive_entry_free(header) }
    entry.name.withCString { archive_entry_set_pathname(header, $0) }
    switch entry.kind {
    case .file:
      archive_entry_set_filetype(header, ArchiveEntry.fileType)
      archive_entry_set_size(header, size)
    case .directory:
      archive_entry_set_filetype(header, ArchiveEntry.directoryType)
    case .link(let target):
      archive_entry_set_filetype(header, ArchiveEntry.linkType)
      target.withCString { archive_entry_set_symlink(header, $0) }
    case .hardLink, .other:
      return
    }
    archive_entry_set_perm(header, entry.permissions)
    if let modified = entry.modified {
      let time = modified.quotientAndRemainder(dividingBy: 1_000_000_000)
      archive_entry_set_mtime(header, Int(time.quotient), Int(max(0, time.remainder)))
    }
    try check(archive_write_header(archive, header))
  }

  func write(_ content: UnsafeRawBufferPointer) throws {
    var rest = content[...]
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest)
      let count = archive_write_data(archive, part.baseAddress, part.count)
      // 0: the entry is full.
      if count == 0 { return }
      guard count > 0 else { throw failure() }
      rest = rest.dropFirst(count)
    }
  }

  /// Writes what makes the archive complete.
  func finish() throws {
    try check(archive_write_close(archive))
  }

  private func check(_ code: Int32) throws {
    guard code != ARCHIVE_OK && code != ARCHIVE_WARN else { return }
    throw failure()
  }

  private func failure() -> any Error {
    let code = archive_errno(archive)
    // A system call failed: told as such, so that a full disk is a full disk.
    if code > 0 { return SystemError(errno: code, operation: "write", path: path) }
    let reason = archive_error_string(archive).map { String(cString: $0) } ?? "the archive could not be written"
    return ProtocolError(.ioError, "The archive \(path) could not be written: \(reason).", detail: reason)
  }
}
