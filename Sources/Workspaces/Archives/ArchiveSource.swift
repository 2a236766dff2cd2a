internal import BerthProtocol
internal import Glibc
internal import Platform

/// An archive at a path or URL, unpacked into a stage.
enum ArchiveSource {
  /// What a download is called in the stage.
  private static let downloadName: FileName = "download"

  static func unpack(
    at path: String, into stage: Stage, limits: TemplatesConfig, _ job: JobReport
  ) throws {
    try unpack(try open(path), into: stage, limits, job)
  }

  static func unpack(
    url: String, into stage: Stage, limits: TemplatesConfig, _ job: JobReport
  ) async throws {
    let options: OpenOptions = [OpenOptions(rawValue: O_RDWR), .create, .exclusive]
    let file = try stage.directory.open(downloadName, options, permissions: 0o600)
    // Without its name it is gone when the job is, however that ends.
    try stage.directory.removeFile(downloadName)
    try await Download.fetch(url, into: file, limits: limits, job)
    try file.rewind()
    try unpack(file, into: stage, limits, job)
  }

  private static func unpack(
    _ archive: OwnedDescriptor, into stage: Stage, _ limits: TemplatesConfig, _ job: JobReport
  ) throws {
    try Unpacking.unpack(archive, into: try stage.makeFolder(Stage.tree), limits: limits) { completed, total in
      try job.checkCancellation()
      job.progress("Unpacking", Int(min(completed, total)), Int(total), .bytes)
    }
  }

  private static func open(_ path: String) throws -> OwnedDescriptor {
    // A pipe must not be waited for.
    let number = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard number >= 0 else {
      let error = SystemError(errno: errno, operation: "open", path: path)
      guard error.errno == ENOENT || error.errno == ENOTDIR else { throw error }
      throw ProtocolError(.sourceUnavailable, "Nothing is at \(path). Check the path.", detail: "\(error)")
    }
    let file = OwnedDescriptor(adopting: number)
    guard try file.status().kind == .file else {
      throw ProtocolError(.archiveRejected, "\(path) is no archive: it is not a file.", detail: "not a file")
    }
    return file
  }
}

extension OwnedDescriptor {
  /// Goes back to the file's beginning.
  fileprivate func rewind() throws(SystemError) {
    if withDescriptor({ lseek($0, 0, SEEK_SET) }) < 0 { throw SystemError(errno: errno, operation: "lseek") }
  }
}
