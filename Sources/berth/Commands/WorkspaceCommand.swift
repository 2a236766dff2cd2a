import ArgumentParser
import BerthProtocol
import JSON
import Platform

/// `berth workspace`: folders that Berth knows.
struct WorkspaceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workspace",
    abstract: "Make, find and change workspaces.",
    groupedSubcommands: [
      CommandGroup(
        name: "Workspaces",
        subcommands: [List.self, Create.self, Get.self, Update.self, Delete.self, Restore.self]),
      CommandGroup(
        name: "Contents",
        subcommands: [Apply.self, Clone.self, TakeSnapshot.self, Export.self, Import.self]),
    ],
    aliases: ["ws"])
}

extension WorkspaceCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List workspaces, oldest first.", aliases: ["ls"])

    @Option(name: .shortAndLong, help: "Only those with this label, NAME=VALUE. May be repeated.")
    var label: [Assignment] = []

    @Option(help: "Only those in this state: active, archived, deleted. May be repeated. Default: active, archived.")
    var state: [WorkspaceState] = []

    @Flag(name: .shortAndLong, help: "Print ids only.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspaces = try context.allWorkspaces(
        labels: label.isEmpty ? nil : label.dictionary, states: state.isEmpty ? nil : state)
      if context.json { return context.output.json(workspaces) }
      if quiet { return workspaces.forEach { context.output.line($0.id) } }
      if workspaces.isEmpty, context.output.isTerminal {
        return Messages.line("No workspaces. `berth workspace create PATH` makes one of a folder.")
      }
      var table = Table(.left("SLUG"), .text("NAME"), .left("STATE"), .left("FOLDER"), .path("PATH"), .left("CHANGED"))
      for workspace in workspaces {
        table.add(
          .init(workspace.slug, .bold), .init(workspace.name), .init(workspace.state.rawValue, workspace.state.look),
          .init(workspace.folderState.rawValue, workspace.folderState.look), .init(workspace.path),
          .init(context.output.isTerminal ? Humanize.age(workspace.updatedAt) : workspace.updatedAt, .dim))
      }
      context.output.print(table)
    }
  }

  struct Get: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "get",
      abstract: "Show one workspace.", aliases: ["show"])

    @OptionGroup var target: WorkspaceArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspace = try context.request(
        WorkspaceGet.self, .init(workspace: context.reference(target.workspace)))
      context.show(workspace, context.print)
    }
  }

  struct Update: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "update",
      abstract: "Change a workspace's name, labels, metadata or state, or point it at its folder's new path.")

    @OptionGroup var target: WorkspaceArgument

    @Option(help: "A new name. The slug follows it.")
    var name: String?

    @Option(name: .shortAndLong, help: "Set a label, NAME=VALUE. May be repeated.")
    var label: [Assignment] = []

    @Option(help: "Remove a label. May be repeated.")
    var unlabel: [String] = []

    @Option(help: "A JSON Merge Patch on the metadata.")
    var metadata: JSONText.Argument?

    @Option(help: "active or archived, which is read-only.")
    var state: WorkspaceTargetState?

    @Option(help: "Where the folder is now.", completion: .directory)
    var path: String?

    @Option(help: "Fail where the workspace is of another version.")
    var ifVersion: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var labels = JSONObject()
      for name in unlabel { labels[name] = .null }
      for label in label { labels[label.name] = .string(label.value) }
      let workspace = try context.request(
        WorkspaceUpdate.self,
        .init(
          workspace: context.reference(target.workspace), name: name, labels: labels.isEmpty ? nil : labels,
          metadata: try metadata?.object(), state: state, path: path.map(Context.absolute), ifVersion: ifVersion))
      context.show(workspace, context.print)
    }
  }

  struct Delete: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete",
      abstract: "Forget a workspace; its files stay, go to the trash, or are deleted.",
      discussion: """
        Without --files, a folder that is in the home goes to the trash, and one of yours stays where it is. A deleted \
        workspace can be restored for a while, with its files where they went to the trash.
        """,
      aliases: ["rm"])

    @OptionGroup var target: WorkspaceArgument

    @Option(help: "What happens to the files: keep, trash or delete.")
    var files: FileDisposal?

    @Option(help: "Fail where the workspace is of another version.")
    var ifVersion: Int?

    @Flag(name: .shortAndLong, help: "Do not ask before files are deleted for good.")
    var yes = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let reference = try context.reference(target.workspace)
      if files == .delete, !yes {
        guard Terminal.canAsk else {
          throw Failure("deleting files for good has to be confirmed", status: .usage, hint: "pass --yes")
        }
        let workspace = try context.request(WorkspaceGet.self, .init(workspace: reference))
        guard Prompt.confirm("Delete \(workspace.path) and everything in it for good?") else {
          throw Failure("nothing was deleted", status: .interrupted)
        }
      }
      let deleted = try context.request(
        WorkspaceDelete.self, .init(workspace: reference, files: files, ifVersion: ifVersion))
      context.show(deleted) { deleted in
        let hint = deleted.restorableUntil.map {
          "; `berth workspace restore \(deleted.id)` brings it back until \($0)"
        }
        context.output.line("Deleted \(deleted.slug)\(deleted.filesDeleted ? " and its files" : hint ?? "")")
      }
    }
  }

  struct Restore: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "restore", abstract: "Bring a deleted workspace back.")

    @Argument(help: "Its id; or its key or slug, where no living workspace has taken it.")
    var workspace: String

    @Option(help: "Where to put the folder. Default: where it was.", completion: .directory)
    var path: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let restored = try context.request(
        WorkspaceRestore.self, .init(workspace: workspace, path: path.map(Context.absolute)))
      context.show(restored, context.print)
    }
  }
}

extension Context {
  /// Prints all that is known of a workspace.
  func print(_ workspace: Workspace) {
    var details = Details()
    details.add("name", workspace.name, .bold)
    details.add("slug", workspace.slug)
    details.add("key", workspace.key)
    details.add("id", workspace.id)
    details.add("path", workspace.path)
    details.add("folder", workspace.folderState.rawValue, workspace.folderState.look)
    details.add("state", workspace.state.rawValue, workspace.state.look)
    for (name, value) in workspace.labels.sorted(by: { $0.key < $1.key }) { details.add("label", "\(name)=\(value)") }
    if !workspace.metadata.isEmpty { details.add("metadata", workspace.metadata.jsonString) }
    details.add("version", "\(workspace.version)")
    details.add("created", time(workspace.createdAt))
    details.add("changed", time(workspace.updatedAt))
    details.add("deleted", workspace.deletedAt.map(time))
    details.add("restorable", workspace.restorableUntil.map { "until \($0)" })
    output.print(details)
  }

  /// A time for people with how long ago it is; for scripts as it is.
  func time(_ timestamp: String) -> String {
    output.isTerminal ? "\(timestamp) (\(Humanize.age(timestamp)))" : timestamp
  }
}

extension WorkspaceState: ExpressibleByArgument {
  var look: Style.Look {
    switch self {
    case .active: .green
    case .archived: .yellow
    case .deleted: .red
    }
  }
}

extension FolderState {
  var look: Style.Look {
    switch self {
    case .present: .green
    case .missing, .replaced, .inaccessible: .red
    }
  }
}

extension WorkspaceTargetState: ExpressibleByArgument {}
extension FileDisposal: ExpressibleByArgument {}
