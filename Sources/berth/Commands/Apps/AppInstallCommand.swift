import ArgumentParser
import BerthProtocol
import Glibc

extension AppCommand {
  struct Install: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "install",
      abstract: "Make an app of a folder with a manifest; nothing is started.",
      discussion: """
        FOLDER is a path of this machine, and the workspace the one that holds it; with --workspace, it is a folder in \
        that. With --url, a git repository or an archive is brought there first, all of it or nothing.
        """)

    @Argument(
      help: "The app's folder. Default: the working folder; with --url, one named after it.", completion: .directory)
    var folder: String?

    @Option(
      name: .shortAndLong, help: "The workspace. Default: the one that holds the folder.",
      completion: .custom { _, _, _ in Completion.workspaces() })
    var workspace: String?

    @Option(help: "A git URL, a path to a repository, or the URL or path of a zip, tar.gz or tar.zst to bring.")
    var url: String?

    @Option(help: "With a git URL: the branch, tag or commit.")
    var ref: String?

    @Option(help: "With --url: only this folder of it.")
    var subdirectory: String?

    @Option(name: .shortAndLong, help: "The value of an environment variable, NAME=VALUE. May be repeated.")
    var env: [Assignment] = []

    @OptionGroup var secretOptions: SecretOptions

    @Option(help: "A word that makes a repetition of the call harmless.")
    var idempotencyKey: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if url == nil, ref != nil || subdirectory != nil {
        throw ValidationError("--ref and --subdirectory say more of --url.")
      }
    }

    func run(_ context: Context) throws {
      let secrets = try secretOptions.secrets()
      let (workspace, folder) = try place(context)
      let source = try url.map { $0.hasPrefix("/") || $0.hasPrefix(".") ? try Context.absolute($0) : $0 }
      let installed = try context.request(
        AppInstall.self,
        .init(
          workspace: workspace, folder: folder, url: source, ref: ref, subdirectory: subdirectory,
          env: env.isEmpty ? nil : env.dictionary, secretEnv: secrets.isEmpty ? nil : secrets,
          idempotencyKey: idempotencyKey))
      context.print(installed.warnings, toErrors: true)
      context.show(installed) { installed in
        let app = DisplayText.safe(installed.app.app)
        context.output.line(
          installed.created
            ? "Installed \(app), \(installed.app.id)" : "\(app) is installed already, \(installed.app.id)")
      }
    }

    /// The workspace, and the folder in it.
    private func place(_ context: Context) throws -> (workspace: String, folder: String) {
      if let workspace { return (try context.reference(workspace), Self.inner(folder ?? "")) }
      // A folder that is yet to be brought may be missing, but not what holds the working folder.
      let path = try Self.resolved(folder ?? ".")
      guard let holder = try context.holder(of: path) else {
        throw Failure(
          "no workspace holds \(path)", status: .notFound,
          hint: "`berth workspace create FOLDER` makes a folder one; --workspace names another")
      }
      if url != nil, folder == nil { return (holder.id, "") }
      return (holder.id, Self.inner(String(path.dropFirst(holder.path.count))))
    }

    /// A path in a workspace as the server takes it: without `.` and without `/` at its ends.
    static func inner(_ path: String) -> String {
      path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    /// An absolute path without links, whose last parts may be missing.
    private static func resolved(_ text: String) throws -> String {
      let path = try Context.absolute(text)
      let canonical = Context.canonical(path)
      guard canonical == path, access(path, F_OK) != 0, let slash = path.lastIndex(of: "/"), slash != path.startIndex
      else { return canonical }
      return try resolved(String(path[..<slash])) + path[slash...]
    }
  }

  struct Uninstall: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "uninstall",
      abstract: "Stop apps and forget them, their ports and their output; their files stay.", aliases: ["rm"])

    @OptionGroup var target: AppsArgument

    @Flag(help: "Delete their folders too. Never a workspace's own.")
    var deleteFiles = false

    @Flag(name: .shortAndLong, help: "Do not ask before files are deleted.")
    var yes = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let finder = AppFinder(context)
      let apps = try target.apps.map(finder.find)
      if deleteFiles, !yes {
        guard Terminal.canAsk else {
          throw Failure("deleting files has to be confirmed", status: .usage, hint: "pass --yes")
        }
        let folders = apps.map { "`\($0.folder)`" }.joined(separator: ", ")
        guard Prompt.confirm("Delete \(folders) and everything in it for good?") else {
          throw Failure("nothing was uninstalled", status: .interrupted)
        }
      }
      try context.change(apps, AppUninstall.self, { .init(app: $0.id, deleteFiles: deleteFiles) }) {
        "Uninstalled \($0.app)\(deleteFiles ? " and its files" : "")"
      }
    }
  }
}
