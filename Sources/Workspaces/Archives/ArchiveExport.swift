internal import BerthProtocol
internal import Glibc
internal import Platform

/// Writes what a folder holds to an archive.
///
/// Left out are Berth's own names, and, unless all is wanted, what `.gitignore` files name and `.git`: an archive holds
/// the sources, and not the repository that they are kept in. Sockets, pipes and devices are left out too, and links
/// that lead out of the folder, which no `workspace/import` would take; the job's output names each of these.
struct ArchiveExport {
  struct Summary {
    var files = 0
    var bytes: Int64 = 0
    var archiveBytes: Int64 = 0
  }

  let source: Directory
  let includesIgnored: Bool
  /// The file that the archive is to become, where that lies in the folder.
  let target: FileIdentity?
  let job: JobReport

  private static let bufferBytes = 1 << 18

  func write(_ format: ArchiveFormat, to file: OwnedDescriptor, path: String) throws -> Summary {
    let total = try measure()
    return try ArchiveLocale.withUTF8 {
      let writer = try ArchiveWriter(format, to: file, path: path)
      var summary = Summary()
      try walk { entry, status in
        try add(entry, status, to: writer, &summary)
        job.progress("Writing \(path)", Int(summary.bytes), Int(max(total, summary.bytes)), .bytes)
      }
      try writer.finish()
      summary.archiveBytes = try file.status().size
      return summary
    }
  }

  /// How many bytes there are to write, as far as can be said beforehand.
  private func measure() throws -> Int64 {
    var bytes: Int64 = 0
    try walk { _, status in
      if status.kind == .file { bytes += status.size }
    }
    return bytes
  }

  private func walk(_ visit: (TreeWalker.Entry, FileStatus) throws -> Void) throws {
    var walker = TreeWalker(root: source)
    walker.gitignore = !includesIgnored
    try walker.walk { entry in
      try job.checkCancellation()
      let status: FileStatus
      do throws(SystemError) {
        status = try entry.status()
      } catch {
        if error.errno == ENOENT { return true }
        throw error.about(entry.path.description)
      }
      if status.identity != target { try visit(entry, status) }
      return true
    }
  }

  private func add(
    _ entry: TreeWalker.Entry, _ status: FileStatus, to writer: ArchiveWriter, _ summary: inout Summary
  ) throws {
    var header = ArchiveEntry(
      name: entry.path.bytes, kind: .file, permissions: status.permissions & 0o777, modified: status.modified)
    switch status.kind {
    case .directory:
      header.kind = .directory
      try writer.begin(header, size: 0)
    case .link:
      guard let target = try? entry.directory.readLink(entry.name) else { return }
      if let reason = entry.path.reasonAgainstLink(to: target) {
        return job.output("`\(entry.path)` is left out: \(reason).")
      }
      header.kind = .link(target)
      try writer.begin(header, size: 0)
      summary.files += 1
    case .file:
      guard let file = try open(entry) else { return }
      try add(file, header, to: writer, &summary)
    case .other:
      job.output("`\(entry.path)` is left out: it is a device, a socket or a pipe.")
    }
  }

  private func open(_ entry: TreeWalker.Entry) throws -> OwnedDescriptor? {
    do throws(SystemError) {
      return try entry.directory.open(entry.name, [.read, .nonBlocking])
    } catch {
      if error.errno == ENOENT || error.errno == ELOOP { return nil }
      throw error.about(entry.path.description)
    }
  }

  private func add(
    _ file: OwnedDescriptor, _ header: ArchiveEntry, to writer: ArchiveWriter, _ summary: inout Summary
  ) throws {
    let status = try file.status()
    guard status.kind == .file else { return }
    var header = header
    header.modified = status.modified
    try writer.begin(header, size: status.size)
    // The archive says how long the file is before what it holds: what grows meanwhile is cut, what shrinks filled up.
    var rest = status.size
    try withUnsafeTemporaryAllocation(byteCount: Self.bufferBytes, alignment: 16) { buffer in
      while rest > 0 {
        let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(rest, Int64(buffer.count)))])
        let count = try file.read(into: wanted)
        if count == 0 {
          job.output("`\(header.text)` became shorter while it was read; its end is filled with zeros.")
          wanted.initializeMemory(as: UInt8.self, repeating: 0)
          while rest > 0 {
            let filler = UnsafeRawBufferPointer(rebasing: buffer[..<Int(min(rest, Int64(wanted.count)))])
            try writer.write(filler)
            rest -= Int64(filler.count)
          }
          break
        }
        try writer.write(UnsafeRawBufferPointer(rebasing: wanted[..<count]))
        rest -= Int64(count)
        try job.checkCancellation()
      }
    }
    summary.files += 1
    summary.bytes += status.size
  }
}
