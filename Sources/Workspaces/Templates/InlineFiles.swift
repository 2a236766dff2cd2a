internal import BerthProtocol
internal import JSON
internal import Platform

/// Writes the files of an inline template into a stage.
enum InlineFiles {
  /// What each file holds, in bytes.
  ///
  /// - Throws: `template_invalid` for a path that is refused, one that comes twice, and content that is no base64.
  static func decode(_ files: [InlineFile]) throws -> [(path: RelativePath, content: [UInt8], isExecutable: Bool)] {
    var faults: [Fault] = []
    var paths: Set<RelativePath> = []
    var decoded: [(path: RelativePath, content: [UInt8], isExecutable: Bool)] = []
    for (index, file) in files.enumerated() {
      func fault(_ member: String, _ msg: String) {
        faults.append(
          Fault(loc: ["template", "files", .integer(index), .string(member)], msg: msg, type: "template"))
      }
      var content: [UInt8]? = Array(file.content.utf8)
      if file.encoding == .base64 { content = Base64.decode(file.content) }
      if content == nil { fault("content", "is no base64") }
      do {
        let path = try EntryName.check(Array(file.path.utf8), refusal: ProtocolError.templateRejected)
        if path.isRoot { fault("path", "names no file") }
        if !paths.insert(path).inserted { fault("path", "`\(path)` comes twice") }
        if let content { decoded.append((path, content, file.executable)) }
      } catch let error as ProtocolError {
        fault("path", error.detail)
      }
    }
    guard faults.isEmpty else {
      throw ProtocolError(
        .templateInvalid, "The template's files are faulty: \(faults[0].msg).",
        detail: faults.map(\.msg).joined(separator: "; "), errors: faults)
    }
    return decoded
  }

  static func write(
    _ files: [(path: RelativePath, content: [UInt8], isExecutable: Bool)], into tree: Directory,
    limits: TemplatesConfig, _ job: JobReport
  ) throws {
    var builder = TreeBuilder(in: tree, budget: ContentBudget(limits))
    for (index, file) in files.enumerated() {
      try job.checkCancellation()
      try builder.add(bytes: Int64(file.content.count), to: file.path)
      let written = try builder.makeFile(file.path)
      try file.content.withUnsafeBytes { try written.write($0) }
      try builder.complete(written, permissions: file.isExecutable ? 0o755 : 0o644, modified: nil)
      job.progress("Writing", index + 1, files.count, .files)
    }
    try builder.finish()
  }
}
