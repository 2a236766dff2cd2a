import ArgumentParser
import BerthProtocol

extension WorkspaceCommand {
  struct TakeSnapshot: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "snapshot", abstract: "Keep a workspace as it is now.")

    @OptionGroup var snapshot: SnapshotOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws { try snapshot.run(context) }
  }

  struct Export: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "export",
      abstract: "Write a workspace to an archive.",
      discussion: "Ignored files and Berth's own state are left out. The archive appears when it is complete.")

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The archive to write: a .tar.gz, .tar.zst or .zip.", completion: .file())
    var path: String

    @Option(help: "tar.gz, tar.zst or zip. Default: by the path's ending.")
    var format: ArchiveFormat?

    @Flag(help: "Take files that .gitignore names too.")
    var includeIgnored = false

    @Flag(name: .shortAndLong, help: "Replace an archive that is there.")
    var force = false

    @OptionGroup var job: JobOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let started = try context.request(
        WorkspaceExport.self,
        .init(
          workspace: context.reference(target.workspace), path: Context.absolute(path), format: format,
          includeIgnored: includeIgnored, overwrite: force))
      try context.settle(started, detach: job.detach) { job in
        guard let result = try job.result(as: ExportJobResult.self) else { return }
        context.output.line(
          "Wrote \(result.path): \(Humanize.count(result.files, "file")), \(Humanize.bytes(result.bytes)) in "
            + Humanize.bytes(result.archiveBytes))
      }
    }
  }

  struct Import: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Make a workspace from an archive.")

    @Argument(help: "The archive: a path or a URL.", completion: .file())
    var source: String

    @Argument(
      help: "The folder to unpack to, missing or empty. Default: a new one in the home.", completion: .directory)
    var path: String?

    @Option(name: .shortAndLong, help: "Its name, for people. Default: the archive's.")
    var name: String?

    @Option(name: .shortAndLong, help: "A name of your own, unique in the home.")
    var key: String?

    @Option(help: "A word that makes a repetition of the call harmless.")
    var idempotencyKey: String?

    @OptionGroup var job: JobOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let started = try context.request(
        WorkspaceImport.self,
        .init(
          source: source.contains("://") ? source : Context.absolute(source), name: name, key: key,
          path: path.map(Context.absolute), idempotencyKey: idempotencyKey))
      try context.settle(started, detach: job.detach) { job in
        guard let result = try job.result(as: ImportJobResult.self) else { return }
        context.print(result.workspace)
      }
    }
  }
}

extension ArchiveFormat: ExpressibleByArgument {}
