import ArgumentParser
import BerthProtocol
import JSON

/// `berth app`: what workspaces run.
struct AppCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "app",
    abstract: "Install, configure and look into apps; start and stop one.",
    discussion: """
      An app is a folder of a workspace with a manifest, app.runtime.yaml, that says how it is set up and started. \
      An APP is its id or its app_id: of the workspace that holds the working folder where that has such an app, of \
      another one as WORKSPACE/APP.
      """,
    groupedSubcommands: [
      CommandGroup(
        name: "Apps",
        subcommands: [
          List.self, Get.self, Validate.self, Install.self, Configure.self, Uninstall.self,
        ]),
      CommandGroup(
        name: "Running",
        subcommands: [
          Setup.self, BuildStatusOf.self, Start.self, Stop.self, Restart.self, Logs.self,
        ]),
    ],
    aliases: ["apps"])
}

extension AppCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List apps, oldest first.", aliases: ["ls"])

    @Option(
      name: .shortAndLong, help: "Only those of this workspace.",
      completion: .custom { _, _, _ in Completion.workspaces() })
    var workspace: String?

    @Option(help: "Only those in this state, such as running or failed. May be repeated.")
    var state: [AppState] = []

    @Flag(name: .shortAndLong, help: "Print ids only.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let apps = try context.allApps(
        workspace: workspace.map(context.reference), states: state.isEmpty ? nil : state)
      if context.json { return context.output.json(apps) }
      if quiet { return apps.forEach { context.output.line($0.id) } }
      if apps.isEmpty, context.output.isTerminal { return Messages.line(Self.noApps) }
      let slugs = try context.workspaceNames(of: apps)
      let isTerminal = context.output.isTerminal
      var table = Table(
        .left("APP"), .text("NAME"), .left("WORKSPACE"), .left("STATE"), .left("WANTED"), .text("PORTS"),
        .left("SINCE"))
      for app in apps {
        table.add(
          .init(app.app, .bold), .init(app.name), .init(slugs[app.workspace] ?? app.workspace),
          app.state.cell(on: context.output), .init(app.desired.rawValue, .dim), .init(app.ports?.portWords ?? ""),
          .init(isTerminal ? Humanize.age(app.since) : app.since, .dim))
      }
      context.output.print(table)
    }

    static let noApps = "No apps. `berth up` in a workspace installs and starts those that its folders hold."
  }

  struct Get: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "get", abstract: "Show one app, with all that is known of it.", aliases: ["show"])

    @OptionGroup var target: AppArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      context.show(try AppFinder(context).find(target.app), context.print)
    }
  }
}
