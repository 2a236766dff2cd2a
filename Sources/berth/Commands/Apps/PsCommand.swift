import ArgumentParser
import BerthProtocol

/// `berth ps`: the apps of all workspaces, and how they are.
struct PsCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps", abstract: "List the apps of all workspaces, with how they are, their processes and ports.")

  @Option(
    name: .shortAndLong, help: "Only those of this workspace.",
    completion: .custom { _, _, _ in Completion.workspaces() })
  var workspace: String?

  @Option(help: "Only those in this state, such as running or failed. May be repeated.")
  var state: [AppState] = []

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let listed = try context.allApps(
      workspace: workspace.map(context.reference), states: state.isEmpty ? nil : state)
    // One that was uninstalled since is left out.
    let apps = try context.requestEach(AppGet.self, listed.map { .init(app: $0.id) }).compactMap { try? $0.get() }
    if context.json { return context.output.json(apps) }
    if apps.isEmpty, context.output.isTerminal { return Messages.line(AppCommand.List.noApps) }
    let slugs = try context.workspaceNames(of: listed)
    let isTerminal = context.output.isTerminal
    var table = Table(
      .left("APP"), .left("WORKSPACE"), .left("STATE"), .left("SINCE"), .right("PID"), .text("PORTS"),
      .right("RESTARTS"), .text("WHY"))
    for app in apps {
      let ports = Dictionary(app.ports.map { ($0.name, $0.port) }) { first, _ in first }
      let why = app.message ?? (isTerminal ? app.reason?.words : app.reason?.rawValue) ?? ""
      table.add(
        .init(app.app, .bold), .init(slugs[app.workspace] ?? app.workspace), app.state.cell(on: context.output),
        .init(isTerminal ? Humanize.age(app.since) : app.since, .dim), .init(app.pid.map { "\($0)" } ?? "-"),
        .init(ports.isEmpty ? "" : ports.portWords), .init("\(app.restarts)", app.restarts == 0 ? .dim : .yellow),
        .init(why, .dim))
    }
    context.output.print(table)
  }
}
