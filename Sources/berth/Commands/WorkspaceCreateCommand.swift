import ArgumentParser
import BerthProtocol
import JSON

extension WorkspaceCommand {
  struct Create: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "create",
      abstract: "Make a workspace of a folder, or a new folder in the home.",
      discussion: """
        An existing folder is taken as it is, a missing one is made. --template fills it: with a template of the \
        home by its name, a folder or an archive by its path, or a git repository or an archive by its URL.
        """,
      aliases: ["new"])

    @Argument(help: "The folder. Default: a new one in the home.", completion: .directory)
    var path: String?

    @Option(name: .shortAndLong, help: "Its name, for people. Default: the folder's.")
    var name: String?

    @Option(name: .shortAndLong, help: "A name of your own, unique in the home.")
    var key: String?

    @Option(name: .shortAndLong, help: "A label, NAME=VALUE. May be repeated.")
    var label: [Assignment] = []

    @Option(help: "What to keep with it, as a JSON object.")
    var metadata: JSONText.Argument?

    @Option(name: .shortAndLong, help: "What to fill it with: a name, a path or a URL.")
    var template: String?

    @OptionGroup var templateOptions: TemplateOptions

    @Option(help: "A word that makes a repetition of the call harmless.")
    var idempotencyKey: String?

    @OptionGroup var job: JobOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let reference = try template.map { try TemplateReference($0, options: templateOptions) }
      let given = templateOptions.variables.dictionary
      let created = try context.asking(given) { values in
        try context.request(
          WorkspaceCreate.self,
          .init(
            name: name, key: key, path: path.map(Context.absolute), template: reference?.source(templateOptions),
            variables: values.isEmpty ? nil : values, labels: label.isEmpty ? nil : label.dictionary,
            metadata: try metadata?.object(), idempotencyKey: idempotencyKey))
      }
      if let started = created.job, let reference, !job.detach {
        try fill(created.workspace, started, reference, context)
      }
      let workspace = try context.request(WorkspaceGet.self, .init(workspace: created.workspace.id))
      context.show(workspace) { workspace in
        if !created.created { Messages.line("This workspace was made before, with the same idempotency key.") }
        context.print(workspace)
        if job.detach, let started = created.job { context.output.line("job\t\(started.id)") }
      }
    }

    /// Follows the job; where the template turns out to want more variables, asks for them and fills the workspace
    /// with another one.
    private func fill(
      _ workspace: Workspace, _ started: Job, _ reference: TemplateReference, _ context: Context
    ) throws {
      var first: Job? = started
      try context.asking(templateOptions.variables.dictionary) { values in
        let next = first
        first = nil
        let job =
          try next
          ?? context.fill(workspace.id, reference, templateOptions, values, replaces: false, idempotencyKey: nil).job
        _ = try JobFollower.finish(job, context)
      }
    }
  }

  struct Apply: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "apply",
      abstract: "Fill a workspace from a template.",
      discussion: "A failure, or Ctrl-C, leaves the workspace as it was.")

    @OptionGroup var target: WorkspaceArgument

    @Argument(
      help: "The template: a name of the home's, a folder or archive by its path, or a URL.", completion: .directory)
    var template: String

    @OptionGroup var fill: FillOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let reference = try TemplateReference(template, options: fill.template)
      try fill.run(reference, into: target, context)
    }
  }

  struct Clone: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "clone",
      abstract: "Fill a workspace from a git repository or an archive.",
      discussion: "A failure, or Ctrl-C, leaves the workspace as it was.")

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "A git URL, a path to a repository, or the URL or path of a zip, tar.gz or tar.zst.")
    var url: String

    @OptionGroup var fill: FillOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let isPath = url.hasPrefix("/") || url.hasPrefix(".")
      try fill.run(.url(isPath ? try Context.absolute(url) : url), into: target, context)
    }
  }
}

/// What `apply` and `clone` have in common.
struct FillOptions: ParsableArguments {
  @Flag(help: "Let what the workspace holds make way, all of it.")
  var replace = false

  @OptionGroup var template: TemplateOptions

  @Option(help: "A word that makes a repetition of the call harmless.")
  var idempotencyKey: String?

  @OptionGroup var job: JobOptions

  func run(_ reference: TemplateReference, into target: WorkspaceArgument, _ context: Context) throws {
    let workspace = try context.reference(target.workspace)
    try context.asking(template.variables.dictionary) { values in
      let started = try context.fill(
        workspace, reference, template, values, replaces: replace, idempotencyKey: idempotencyKey)
      try context.settle(started, detach: job.detach) { job in
        guard let result = try job.result(as: TemplateJobResult.self) else { return }
        let commit = result.commit.map { " at \($0.prefix(12))" } ?? ""
        context.output.line(
          "Wrote \(Humanize.count(result.files, "file")), \(Humanize.bytes(result.bytes))\(commit)")
      }
    }
  }
}

extension Context {
  /// Starts the job that fills a workspace.
  func fill(
    _ workspace: String, _ reference: TemplateReference, _ options: TemplateOptions, _ values: [String: String],
    replaces: Bool, idempotencyKey: String?
  ) throws -> JobStarted {
    let variables = values.isEmpty ? nil : values
    if case .url(let url) = reference {
      return try request(
        WorkspaceCloneTemplate.self,
        .init(
          workspace: workspace, url: url, ref: options.ref, subdirectory: options.subdirectory, variables: variables,
          replaceExisting: replaces, idempotencyKey: idempotencyKey))
    }
    return try request(
      WorkspaceApplyTemplate.self,
      .init(
        workspace: workspace, template: reference.source(options), variables: variables, replaceExisting: replaces,
        idempotencyKey: idempotencyKey))
  }
}

extension Job {
  /// What the job made; nil where it tells nothing.
  func result<Result: JSONDecodable>(as type: Result.Type) throws -> Result? {
    try result.map { try Decoding.decode(type, from: .object($0)) }
  }
}
