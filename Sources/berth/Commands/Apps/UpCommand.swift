import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

/// `berth up`: apps that run.
struct UpCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Do what is missing until apps run: install, set up, start what they depend on, start.",
    discussion: """
      Without APP, all apps of the workspace, those that lie in its folders and are not installed yet among them. \
      Fails with status 1 where not all run in time; those that do go on.
      """)

  @OptionGroup var selection: AppSelection

  @Option(help: "How long to wait, in seconds.")
  var wait: Double = 60

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let finder = AppFinder(context, workspace: selection.workspace)
    let params: AppEnsureRunning.Params
    let isMeant: (AppSummary) -> Bool
    if selection.apps.isEmpty {
      let workspace = try finder.workspace()
      params = .init(workspace: workspace.id, waitSeconds: wait)
      isMeant = { $0.workspace == workspace.id }
    } else {
      let apps = try selection.apps.map(finder.find)
      params = .init(apps: apps.map(\.id), waitSeconds: wait)
      // What they depend on is started too.
      let workspaces = Set(apps.map(\.workspace))
      isMeant = { workspaces.contains($0.workspace) }
    }
    let outcome = try context.ensureRunning(params, telling: isMeant)
    guard !outcome.apps.isEmpty else {
      throw Failure(
        "there are no apps in the workspace", status: .notFound,
        hint: "a folder with an \(ManifestFile.names[0]) is one; `berth app validate` checks it")
    }
    try context.settle(outcome, "run")
  }
}

extension Context {
  /// Calls `app/ensureRunning`; on a terminal, tells each change of a state meanwhile.
  fileprivate func ensureRunning(
    _ params: AppEnsureRunning.Params, telling isMeant: (AppSummary) -> Bool
  ) throws -> AppsOutcome {
    var outcome = AppsOutcome(ok: true, apps: [])
    var states = StateLines()
    // Another server that comes meanwhile is asked for the same: what is done already is not done again.
    try reconnecting { _ in
      guard Terminal.errorIsTerminal else {
        outcome = try request(AppEnsureRunning.self, params)
        return
      }
      let events = try request(StreamAttach.self, .init(stream: "events", tail: 0, types: [EventType.appState]))
      outcome = try client.request(AppEnsureRunning.self, params) { notification in
        guard notification.method == StreamEventNotification.description.name,
          notification.params["attachment"]?.stringValue == events.attachment
        else { return }
        let events = try Decoding.decode(StreamEventNotification.Params.self, from: notification.params).events
        for app in try events.map({ try Decoding.decode(AppSummary.self, from: $0.payload) }) where isMeant(app) {
          if let line = states.line(app, style: Style.errors) { Messages.line(line) }
        }
      }
      _ = try request(StreamDetach.self, .init(attachment: events.attachment))
    }
    return outcome
  }
}

/// What becomes of apps, a line a change.
struct StateLines {
  private var last: [String: AppState] = [:]

  /// The line; nil where nothing has changed for whoever looks.
  mutating func line(_ app: AppSummary, style: Style) -> String? {
    guard last.updateValue(app.state, forKey: app.id) != app.state else { return nil }
    let name = DisplayText.safe(app.app)
    let padding = String(repeating: " ", count: max(0, 16 - DisplayText.width(name)))
    let reason = app.reason?.words.map { "  " + style(.dim, $0) } ?? ""
    return "\(style(.bold, name))\(padding)  \(style(app.state.look, app.state.words))\(reason)"
  }
}
