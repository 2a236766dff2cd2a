import ArgumentParser
import BerthProtocol

/// `berth logs`: what apps have written, of several in the order of its times.
struct LogsCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs",
    abstract: "Print what apps have written, and what comes.",
    discussion: """
      Without APP, all apps of the workspace. On a terminal each line begins with its app, and `!` marks what was \
      written to standard error; elsewhere a line is the app, stdout or stderr, and the text, with tabs between. \
      --json prints one event a line. With --follow it goes on where it was when the server is restarted.
      """,
    aliases: ["log"])

  @OptionGroup var selection: AppSelection
  @OptionGroup var position: LogOptions
  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let finder = AppFinder(context, workspace: selection.workspace)
    var sources: [LogSource] = []
    if selection.apps.isEmpty {
      let workspace = try finder.workspace()
      sources = try context.allApps(workspace: workspace.id).map { .init(id: $0.id, name: $0.app) }
      guard !sources.isEmpty else {
        throw Failure("there are no apps in the workspace \(workspace.slug)", status: .notFound)
      }
    } else {
      var seen: Set<String> = []
      let apps = try selection.apps.map(finder.find).filter { seen.insert($0.id).inserted }
      let isOneWorkspace = Set(apps.map(\.workspace)).count == 1
      let slugs = isOneWorkspace ? [:] : Dictionary(try context.allWorkspaces().map { ($0.id, $0.slug) }) { $1 }
      sources = apps.map { .init(id: $0.id, name: (slugs[$0.workspace].map { "\($0)/" } ?? "") + $0.app) }
    }
    try LogFollower(context, sources, form: context.output.isTerminal ? .prefixed : .columns).run(position)
  }
}

extension AppCommand {
  struct Logs: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "logs",
      abstract: "Print what an app has written, and what comes.",
      discussion: "Where standard output is no terminal, the lines as they were written and nothing else.",
      aliases: ["log"])

    @OptionGroup var target: AppArgument
    @OptionGroup var position: LogOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let app = try AppFinder(context).find(target.app)
      let form: LogPrinter.Form = context.output.isTerminal ? .prefixed : .text
      try LogFollower(context, [.init(id: app.id, name: app.app)], form: form).run(position)
    }
  }
}
