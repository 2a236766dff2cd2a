package import BerthProtocol
internal import Platform

extension FileService {
  /// Moves or renames a file, a link itself or a folder, as `file/move` does.
  package func move(_ params: FileMove.Params) throws -> FileMove.Result {
    let from = try Self.path(params.from)
    let to = try Self.newPath(params.to)
    let folder = try workspaces.open(params.workspace, for: .write).directory
    try Self.checkApart(from, to)
    let source = try telling(of: from) { try folder.place(of: from) }
    let status = try telling(of: from) { try source.directory.status(of: source.name) }
    try check(params.ifMatch, status, from)
    return try telling(of: to, makes: true) {
      let target = try place(of: to, in: folder, createParents: params.createParents)
      try rename(source, status, to: target, overwrite: params.overwrite, from, to)
      return try info(at: to, in: folder)
    }
  }

  /// Copies a file, a link itself or a folder, as `file/copy` does. The copy appears when it is complete.
  package func copy(_ params: FileCopy.Params) throws -> FileCopy.Result {
    let from = try Self.path(params.from)
    let to = try Self.newPath(params.to)
    let opened = try workspaces.open(params.workspace, for: .write)
    try Self.checkApart(from, to)
    let source = try telling(of: from) { try opened.directory.place(of: from) }
    let status = try telling(of: from) { try source.directory.status(of: source.name) }
    if status.kind == .directory && !params.recursive {
      throw ProtocolError.isADirectory(from, "Pass `recursive` to copy it with all that it holds.")
    }
    return try telling(of: to, makes: true) {
      let target = try place(of: to, in: opened.directory, createParents: params.createParents)
      try checkTarget(target, of: status, overwrite: params.overwrite, from, to)
      sweep(target, at: to, of: opened.workspace)
      try copy(source, status, to: target, overwrite: params.overwrite, from, to)
      return try info(at: to, in: opened.directory)
    }
  }

  private static func checkApart(_ from: RelativePath, _ to: RelativePath) throws {
    if from.isRoot || to.isRoot {
      throw ProtocolError(.invalidArgument, "The workspace's own folder can be neither moved, copied nor replaced.")
    }
    if from == to { throw ProtocolError(.invalidArgument, "`\(from)` is both `from` and `to`. Give two paths.") }
    if from.contains(to) {
      throw ProtocolError(.invalidArgument, "`\(to)` lies inside `\(from)`, which cannot go into itself.")
    }
  }

  /// - Throws: `already_exists`, `is_a_directory`, `not_a_directory` where something stands in the way.
  private func checkTarget(
    _ target: Place, of source: FileStatus, overwrite: Bool, _ from: RelativePath, _ to: RelativePath
  ) throws {
    guard let existing = try target.status() else { return }
    guard overwrite else { throw ProtocolError.alreadyExists(to, "Pass `overwrite` to replace a file.") }
    if existing.kind == .directory {
      throw ProtocolError.isADirectory(to, "A folder is never replaced: delete it first.")
    }
    if source.kind == .directory {
      throw ProtocolError(.notADirectory, "`\(to)` is a file, which the folder `\(from)` cannot replace.")
    }
  }

  private func rename(
    _ source: Place, _ status: FileStatus, to target: Place, overwrite: Bool, _ from: RelativePath, _ to: RelativePath
  ) throws {
    try checkTarget(target, of: status, overwrite: overwrite, from, to)
    do throws(SystemError) {
      // The system would let a folder replace an empty one; a folder never replaces anything here.
      let replaces = overwrite && status.kind != .directory
      if replaces, try target.status()?.identity == status.identity {
        // Two names of one file: a rename would leave both as they are.
        return try source.directory.removeFile(source.name)
      }
      try source.directory.rename(source.name, to: target, replaces ? .replace : .refuse)
    } catch {
      switch error.errno {
      case SystemError.Code.crossesDevice:
        // Another file system is mounted inside the workspace.
        try copy(source, status, to: target, overwrite: overwrite, from, to)
        _ = try source.directory.removeTree(source.name, checkpoint: checkCancellation)
      case SystemError.Code.exists:
        throw ProtocolError.alreadyExists(to, "Pass `overwrite` to replace a file.")
      case SystemError.Code.invalid:
        throw ProtocolError(.invalidArgument, "`\(to)` lies inside `\(from)`, which cannot go into itself.")
      case SystemError.Code.notFound:
        // Both folders are open, so it is the source that has gone.
        throw ProtocolError(error, path: from)
      default:
        throw error
      }
    }
  }

  /// Copies to a name of Berth's own beside the target, and then gives the copy its name.
  private func copy(
    _ source: Place, _ status: FileStatus, to target: Place, overwrite: Bool, _ from: RelativePath, _ to: RelativePath
  ) throws {
    let staged = Place(directory: target.directory, name: FileName.nextStagingName())
    do {
      var copy = TreeCopy()
      copy.checkpoint = { _ in try checkCancellation() }
      try copy.copy(source, to: staged)
      let collision: Directory.Collision = overwrite && status.kind != .directory ? .replace : .refuse
      try staged.directory.rename(staged.name, to: target, collision)
    } catch {
      _ = try? staged.directory.removeTree(staged.name, checkpoint: {})
      switch error {
      case let error as TreeCopy.NotCopied: throw ProtocolError.notAFile(from.appending(error.path))
      case let error as SystemError where error.errno == SystemError.Code.exists:
        throw ProtocolError.alreadyExists(to, "Pass `overwrite` to replace a file.")
      default: throw error
      }
    }
  }
}
