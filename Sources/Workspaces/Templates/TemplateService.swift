package import BerthProtocol
internal import JSON
package import Jobs
package import Platform
internal import Storage

/// Fills workspaces from templates.
///
/// A template is put together in a stage, its variables are filled in, all of it is looked at, and then it is put in
/// place by `Placements`: completely, or not at all.
package final class TemplateService: Sendable {
  private let home: Home
  private let workspaces: WorkspaceService
  private let jobs: JobStore
  private let placements: Placements
  private let limits: @Sendable () -> TemplatesConfig

  /// - Parameters:
  ///   - home: Berth's home; named templates are folders under `templates/` in it.
  ///   - limits: What a template may take; asked for at the start of each job.
  package init(
    home: Home, workspaces: WorkspaceService, jobs: JobStore, placements: Placements,
    limits: @escaping @Sendable () -> TemplatesConfig
  ) {
    self.home = home
    self.workspaces = workspaces
    self.jobs = jobs
    self.placements = placements
    self.limits = limits
  }

  /// `workspace/applyTemplate`. What is wrong with the variables of such a template is told at once.
  package func applyTemplate(_ params: WorkspaceApplyTemplate.Params) throws -> WorkspaceApplyTemplate.Result {
    if params.template.url != nil {
      throw ProtocolError(.invalidArgument, "A template at a URL is taken with `workspace/cloneTemplate`.")
    }
    let workspace = try workspaces.openForJob(params.workspace, isRepeatable: params.idempotencyKey != nil)
    let content = try TemplateContent(params.template, home: home)
    try check(content, params.variables)
    var digested = params
    digested.waitSeconds = 0
    return try start(
      Filling(content: content, variables: params.variables ?? [:], replaces: params.replaceExisting),
      of: workspace,
      JobIdempotency(scope: WorkspaceApplyTemplate.description.name, key: params.idempotencyKey, params: digested))
  }

  /// `workspace/cloneTemplate`.
  package func cloneTemplate(_ params: WorkspaceCloneTemplate.Params) throws -> WorkspaceCloneTemplate.Result {
    let workspace = try workspaces.openForJob(params.workspace, isRepeatable: params.idempotencyKey != nil)
    let content = try TemplateContent.origin(params.url, ref: params.ref, subdirectory: params.subdirectory)
    var digested = params
    digested.waitSeconds = 0
    return try start(
      Filling(content: content, variables: params.variables ?? [:], replaces: params.replaceExisting),
      of: workspace,
      JobIdempotency(scope: WorkspaceCloneTemplate.description.name, key: params.idempotencyKey, params: digested))
  }

  /// Brings a git repository or an archive into a folder of a workspace, which must not exist yet, by a job.
  package func bring(
    _ url: String, ref: String?, subdirectory: String?, into folder: RelativePath, of reference: String
  ) throws -> Job {
    let workspace = try workspaces.openForJob(reference, isRepeatable: false)
    let content = try TemplateContent.origin(url, ref: ref, subdirectory: subdirectory)
    return try start(
      Filling(content: content, variables: [:], replaces: false, folder: folder), of: workspace,
      JobIdempotency(scope: "", key: nil, params: WorkspaceGet.Params(workspace: workspace.id))
    ).job
  }

  /// `workspace/create`, with the template that it may name.
  package func createWorkspace(_ params: WorkspaceCreate.Params) throws -> WorkspaceCreate.Result {
    let check: @Sendable (WorkspaceCreate.Params) throws -> Void = { params in
      guard let template = params.template else { return }
      try self.check(try TemplateContent(template, home: self.home), params.variables)
    }
    let begin: @Sendable (Workspace, WorkspaceCreate.Params) throws -> Job = { workspace, params in
      guard let template = params.template else { throw ProtocolError(.invalidArgument, "There is no template.") }
      let filling = Filling(
        content: try TemplateContent(template, home: self.home), variables: params.variables ?? [:], replaces: false)
      let idempotency = JobIdempotency(
        scope: "\(WorkspaceCreate.description.name)/job", key: params.idempotencyKey, params: params)
      return try self.start(filling, of: workspace, idempotency).job
    }
    return try workspaces.create(params, filling: TemplateFilling(check: check, start: begin))
  }

  /// Throws what can be seen to be wrong with a template before anything is done.
  private func check(_ content: TemplateContent, _ variables: [String: String]?) throws {
    guard let manifest = try content.manifest() else { return }
    _ = try TemplateVariables(manifest, given: variables ?? [:])
    _ = try TemplateRenderer(manifest, .none, limits: limits())
  }

  /// What a job is to do.
  private struct Filling: Sendable {
    let content: TemplateContent
    let variables: [String: String]
    let replaces: Bool
    /// Where in the workspace it goes; the root for all of it.
    var folder = RelativePath.root
  }

  private func start(_ filling: Filling, of workspace: Workspace, _ idempotency: JobIdempotency) throws -> JobStarted {
    let kind: JobKind
    let source: String
    switch filling.content {
    case .files(let files): (kind, source) = (.applyTemplate, "\(files.count) files")
    case .folder(let path): (kind, source) = (.applyTemplate, path)
    case .origin(.local(let path), _, _): (kind, source) = (.cloneTemplate, path)
    case .origin(.git(let url), _, _), .origin(.archive(let url), _, _):
      (kind, source) = (.cloneTemplate, TemplateOrigin.withoutPassword(url))
    }
    return try jobs.start(
      filling.folder.isRoot ? kind : .install, title: "Fill \(workspace.slug) from \(source)", workspace: workspace.id,
      idempotency: idempotency.value
    ) { context in
      try await self.fill(workspace.id, filling, JobReport(context), job: context.id).jsonObject()
    }
  }

  private func fill(
    _ id: String, _ filling: Filling, _ job: JobReport, job jobID: String
  ) async throws -> TemplateJobResult {
    try workspaces.beginReplacing(id, job: jobID)
    defer { workspaces.endReplacing(id) }
    let workspace = try workspaces.open(id, for: .replace).workspace
    let limits = limits()
    return try await placements.withStage(for: workspace, job: jobID) { stage in
      let commit = try await filling.content.obtain(in: stage, limits: limits, job)
      let tree = try stage.open(Stage.tree)
      let manifest = try ManifestFile.read(in: tree)
      try tree.removeTree(ManifestFile.name)
      try tell(job, ofUnknown: filling.variables, manifest)
      let variables = try TemplateVariables(manifest, given: filling.variables)
      var renderer = try TemplateRenderer(manifest, variables, limits: limits)
      try renderer.render(tree, step: job.checkCancellation)
      let summary = try TreeCheck.check(tree, budget: ContentBudget(limits), step: job.checkCancellation)
      if !filling.folder.isRoot { try stage.nestTree(in: filling.folder) }
      job.progress("Putting in place", summary.files, summary.files, .files)
      if filling.replaces { try placements.replace(with: stage) } else { try placements.merge(stage) }
      return TemplateJobResult(
        files: summary.files, directories: summary.directories, bytes: Int(summary.bytes), commit: commit)
    }
  }

  private func tell(_ job: JobReport, ofUnknown given: [String: String], _ manifest: TemplateManifest) throws {
    let declared = Set((manifest.variables ?? []).map(\.name))
    for name in given.keys.sorted() where !declared.contains(name) {
      job.output("The template declares no variable `\(name)`; its value is not used.")
    }
  }
}
