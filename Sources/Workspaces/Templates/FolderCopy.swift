internal import BerthProtocol
internal import Platform

/// Copies a folder of this machine into a stage, as a template.
///
/// `.git` at its top is left out: a template is what a repository holds, not the repository. Links are copied as links.
enum FolderCopy {
  private static let bufferBytes = 1 << 18

  static func copy(_ source: Directory, into tree: Directory, limits: TemplatesConfig, _ job: JobReport) throws {
    var builder = TreeBuilder(in: tree, budget: ContentBudget(limits))
    var walker = TreeWalker(root: source)
    walker.enters = { !($0.path.depth == 1 && $0.name == IgnoreRules.repositoryName) }
    try walker.walk { entry in
      try job.checkCancellation()
      if entry.path.depth == 1, entry.name == IgnoreRules.repositoryName { return true }
      let path = try builder.checkedPath(entry.path.bytes)
      let status = try entry.status()
      switch status.kind {
      case .directory:
        try builder.makeDirectory(path, permissions: status.permissions)
      case .link:
        try builder.makeLink(path, to: try entry.directory.readLink(entry.name))
      case .file:
        try copy(entry, status, to: path, &builder)
      case .other:
        throw ProtocolError.templateRejected("it is a device, a socket or a pipe", path.string)
      }
      job.progress("Copying", builder.budget.entries, nil, .files)
      return true
    }
    try builder.finish()
  }

  private static func copy(
    _ entry: TreeWalker.Entry, _ status: FileStatus, to path: RelativePath, _ builder: inout TreeBuilder
  ) throws {
    let from = try entry.directory.open(entry.name, [.read, .nonBlocking])
    let to = try builder.makeFile(path)
    try withUnsafeTemporaryAllocation(byteCount: bufferBytes, alignment: 16) { buffer in
      while true {
        let count = try from.read(into: buffer)
        if count == 0 { break }
        try builder.add(bytes: Int64(count), to: path)
        try to.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    try builder.complete(to, permissions: status.permissions, modified: nil)
  }
}
