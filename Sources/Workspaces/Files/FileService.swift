package import BerthProtocol
internal import JSON
package import Platform
internal import Synchronization

/// What the services on files need of the registry: workspaces, opened.
package protocol WorkspaceFolders: Sendable {
  /// - Parameter reference: An id, key or slug.
  func open(_ reference: String, for access: WorkspaceAccess) throws -> OpenWorkspace
}

extension WorkspaceService: WorkspaceFolders {}

/// The files of workspaces: every `file/*` method but `file/watch`.
///
/// All is done through the open folder of the workspace, so that no path, link or race leads out of it. Paths are put
/// in their one form first: `a/../b` means `b`, whatever `a` is. Names that begin with `.berth-` are Berth's own: they
/// are not listed, and nothing is made under them.
///
/// Calls block. Those that change a workspace are made one at a time for each; several processes may still change the
/// same files, and the checks are as close to the change as the system allows.
package final class FileService: Sendable {
  let workspaces: any WorkspaceFolders
  let maximumContentBytes: @Sendable () -> Int
  let writesDurably: @Sendable () -> Bool
  /// Folders in which the remains of killed servers were removed since this one started.
  private let swept = Mutex<Set<String>>([])

  /// - Parameters:
  ///   - maximumContentBytes: How large an answer may be: `limits.maxMessageBytes`. Asked for at each call.
  ///   - writesDurably: Whether a file is on the disk when `write` returns. Asked for at each call.
  package init(
    workspaces: any WorkspaceFolders, maximumContentBytes: @escaping @Sendable () -> Int,
    writesDurably: @escaping @Sendable () -> Bool = { false }
  ) {
    self.workspaces = workspaces
    self.maximumContentBytes = maximumContentBytes
    self.writesDurably = writesDurably
  }

  /// Tells what is at a path, as `file/stat` does.
  package func stat(_ params: FileStat.Params) throws -> FileStat.Result {
    let path = try Self.path(params.path)
    let folder = try workspaces.open(params.workspace, for: .read).directory
    return try telling(of: path) { try info(at: path, in: folder) }
  }

  /// What is at a path; a link is told as a link.
  func info(at path: RelativePath, in folder: Directory) throws -> FileInfo {
    guard !path.isRoot else { return FileInfo(path, try folder.status(), target: nil) }
    let place = try folder.place(of: path)
    let status = try place.directory.status(of: place.name)
    return FileInfo(path, status, target: status.kind == .link ? try place.directory.readLink(place.name) : nil)
  }

  /// A path of a request.
  ///
  /// - Throws: `path_escapes`, `invalid_argument`.
  package static func path(_ string: String) throws(ProtocolError) -> RelativePath {
    do {
      return try RelativePath(string)
    } catch {
      throw ProtocolError(error, path: string)
    }
  }

  /// A path of a request under which something is to be made.
  ///
  /// - Throws: as `path(_:)`, and `invalid_argument` for names of Berth's own.
  static func newPath(_ string: String) throws(ProtocolError) -> RelativePath {
    let path = try path(string)
    for part in path.components where FileName(part)?.isStaging == true {
      throw ProtocolError(
        .invalidArgument,
        "Names that begin with `\(FileName.stagingPrefix)` are Berth's own. Choose another than `\(path)`.")
    }
    return path
  }

  /// The place of a path under which something is to be made.
  func place(of path: RelativePath, in folder: Directory, createParents: Bool) throws(SystemError) -> Place {
    createParents ? try folder.place(of: path, makingParents: 0o755) : try folder.place(of: path)
  }

  /// Removes what servers that were killed have left in a folder, the first time that this one writes to it.
  func sweep(_ place: Place, at path: RelativePath, of workspace: Workspace) {
    let key = "\(workspace.id)/\(path.parent.string)"
    let isFirst = swept.withLock { swept in
      if swept.count >= 10_000 { swept.removeAll() }
      return swept.insert(key).inserted
    }
    // What cannot be removed now is harmless, and hidden.
    if isFirst { _ = try? place.directory.removeStaleStagedFiles() }
  }
}

extension FileInfo {
  /// - Parameter target: Where a link leads to.
  init(_ path: RelativePath, _ status: FileStatus, target: [UInt8]?) {
    self.init(
      path: path.description, pathBytes: path.isValidUTF8 ? nil : Base64.encode(path.bytes),
      type: FileType(status.kind), size: Int(status.size), mode: Int(status.permissions),
      modifiedAt: Timestamp.string(nanosecondsSince1970: status.modified), etag: ETag.make(status),
      target: target.map { String(decoding: $0, as: UTF8.self) })
  }
}

extension FileType {
  package init(_ kind: FileKind) {
    switch kind {
    case .file: self = .file
    case .directory: self = .directory
    case .link: self = .symlink
    case .other: self = .other
    }
  }
}
