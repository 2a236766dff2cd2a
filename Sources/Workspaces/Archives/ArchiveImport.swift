package import BerthProtocol
internal import Glibc
internal import JSON
internal import Jobs
internal import Platform

extension ArchiveService {
  /// `workspace/import`. The workspace comes to be when all of the archive is in its folder, and not before.
  package func `import`(_ params: WorkspaceImport.Params) throws -> WorkspaceImport.Result {
    let origin = try Self.origin(params.source)
    let path = try params.path.map { try FolderPath.canonical($0) }
    if params.idempotencyKey == nil { try checkFree(path, key: params.key) }
    var digested = params
    digested.waitSeconds = 0
    let idempotency = JobIdempotency(
      scope: WorkspaceImport.description.name, key: params.idempotencyKey, params: digested)
    let source = TemplateOrigin.withoutPassword(params.source)
    return try jobs.start(
      .import, title: "Import \(source)", workspace: nil, idempotency: idempotency.value
    ) { context in
      let job = JobReport(context)
      return try await self.import(origin, to: path, params, job, id: context.id).jsonObject()
    }
  }

  private func `import`(
    _ origin: TemplateOrigin, to path: String?, _ params: WorkspaceImport.Params, _ job: JobReport, id: String
  ) async throws -> ImportJobResult {
    try checkFree(path, key: params.key)
    let name = params.name ?? path.map { FolderPath.name(of: $0) } ?? origin.name
    var made = MadeFolders()
    let folder = try path ?? freeManagedPath(for: name, &made)
    do {
      try made.make(FolderPath.parent(of: folder), permissions: 0o777)
      let limits = limits()
      return try await placements.withStage(forNewFolder: folder, job: id) { stage in
        if case .archive(let url) = origin {
          try await ArchiveSource.unpack(url: url, into: stage, limits: limits, job)
        } else if case .local(let archive) = origin {
          try ArchiveSource.unpack(at: archive, into: stage, limits: limits, job)
        }
        let budget = ContentBudget(limits, refusal: ProtocolError.archiveRejected)
        let summary = try TreeCheck.check(try stage.open(Stage.tree), budget: budget, step: job.checkCancellation)
        let workspace = try placements.make(
          WorkspaceCreate.Params(name: name, key: params.key, path: folder), from: stage)
        return ImportJobResult(
          workspace: workspace, files: summary.files, directories: summary.directories, bytes: Int(summary.bytes))
      }
    } catch {
      made.remove()
      throw error
    }
  }

  /// Where the archive is: never a repository, whatever the source looks like.
  private static func origin(_ source: String) throws -> TemplateOrigin {
    let origin = try TemplateOrigin(source)
    guard case .git = origin else { return origin }
    let scheme = source.prefix { $0 != ":" }.lowercased()
    guard scheme == "http" || scheme == "https" else {
      throw ProtocolError(
        .invalidArgument,
        "\(TemplateOrigin.withoutPassword(source)) is no archive. Pass an absolute path or an `http(s)` URL; a "
          + "repository is taken with `workspace/create` and a template.")
    }
    return .archive(url: source)
  }

  /// Throws where the new workspace's key is taken, or its folder is anything but missing or empty.
  private func checkFree(_ path: String?, key: String?) throws {
    if let key, let holder = workspaces.reading({ $0.holder(ofKey: key) }) {
      throw ProtocolError.keyTaken(key, by: holder)
    }
    guard let path else { return }
    try workspaces.rules.checkMayBeWorkspace(path)
    let look: FolderLook
    do throws(SystemError) {
      look = try FolderLook.at(path)
    } catch {
      if error.meansMissing { return }
      throw error
    }
    guard look.isDirectory else { throw ProtocolError.notADirectory(path) }
    try workspaces.checkNotShared(path, look.identity)
    guard try Directory(path: path).entries().isEmpty else {
      throw ProtocolError(
        .directoryNotEmpty, "The folder \(path) is not empty. Pass another `path`, or empty it first.")
    }
  }

  /// A path in the home at which nothing is and that is no workspace's.
  private func freeManagedPath(for name: String, _ made: inout MadeFolders) throws -> String {
    let folder = workspaces.rules.workspaces
    try made.make(folder, permissions: 0o700)
    let taken = workspaces.reading { Set($0.all.lazy.map(\.path)) }
    let slug = Slug.unique(Slug.make(from: name)) { slug in
      let path = FolderPath.join(folder, slug)
      return taken.contains(path) || (try? FolderLook.at(path)) != nil
    }
    return FolderPath.join(folder, slug)
  }
}

extension Placements {
  /// Makes a workspace of the staged tree: the tree takes its place, and the workspace is written down. Where that
  /// fails, or the server dies in between, nothing of either stays.
  func make(_ params: WorkspaceCreate.Params, from stage: Stage) throws -> Workspace {
    let tree = try stage.directory.open(Stage.tree, [.read, .directory])
    let inode = try tree.status().identity.inode
    guard let name = FileName(FolderPath.name(of: stage.folder)) else {
      throw SystemError(errno: EINVAL, operation: "renameat2", path: stage.folder)
    }
    let now = try stage.parent.status(of: name, orNil: ENOENT)
    // What stands there is empty; it makes way and comes back if need be.
    try tree.setPermissions(now?.permissions ?? 0o755)
    if let now, let staged = try? tree.status(), (staged.owner, staged.group) != (now.owner, now.group) {
      try tree.setOwner(now.owner, group: now.group)
    }
    let step: PlacementStep = now == nil ? .placeFolder(staged: inode) : .exchangeFolder(staged: inode)
    var workspace: Workspace?
    try carryOut(PlacementPlan(steps: [step]), in: stage, folder: nil) {
      workspace = try workspaces.create(params).workspace
    }
    guard let workspace else { throw SystemError(errno: ENOENT, operation: "renameat2", path: stage.folder) }
    return workspace
  }
}
