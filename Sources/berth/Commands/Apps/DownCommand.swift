import ArgumentParser
import BerthProtocol

/// `berth down`: apps that do not run.
struct DownCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "down",
    abstract: "Stop apps, and wait until nothing of them is left.",
    discussion: """
      Without APP, all apps of the workspace, those that depend on others first. They stay stopped until `berth up` \
      or `berth app start`.
      """)

  @OptionGroup var selection: AppSelection

  @Flag(help: "All apps of all workspaces.")
  var all = false

  @Option(help: "How long their processes have to end by themselves, in seconds. Default: as their manifests say.")
  var grace: Double?

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func validate() throws {
    if all, !selection.apps.isEmpty || selection.workspace != nil {
      throw ValidationError("--all excludes APP and --workspace.")
    }
  }

  func run(_ context: Context) throws {
    let finder = AppFinder(context, workspace: selection.workspace)
    guard selection.apps.isEmpty else {
      let apps = try selection.apps.map(finder.find)
      return try context.change(apps, AppStop.self, { .init(app: $0.id, graceSeconds: grace) }) {
        "\($0.app) \($0.state.predicate)"
      }
    }
    let workspace = all ? nil : try finder.workspace().id
    let outcome = try context.request(AppStopAll.self, .init(workspace: workspace, graceSeconds: grace))
    if outcome.apps.isEmpty, !context.json, context.output.isTerminal { return Messages.line("No apps to stop.") }
    try context.settle(outcome, "stopped")
  }
}
