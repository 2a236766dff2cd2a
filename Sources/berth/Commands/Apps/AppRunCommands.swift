import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

extension AppCommand {
  struct Start: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "start",
      abstract: "Want apps running, and what they depend on.",
      discussion: "They are set up where that is needed, started, and kept running until they are stopped.")

    @OptionGroup var target: AppsArgument
    @OptionGroup var waiting: WaitOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let finder = AppFinder(context)
      let apps = try target.apps.map(finder.find)
      try context.change(
        apps, AppStart.self, { .init(app: $0.id, waitSeconds: waiting.seconds) }, check: waiting.check
      ) { "\($0.app) \($0.state.predicate)" }
    }
  }

  struct Stop: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "stop",
      abstract: "Stop apps, and wait until nothing of them is left.",
      discussion: "They stay stopped until they are started.")

    @OptionGroup var target: AppsArgument

    @Option(help: "How long their processes have to end by themselves, in seconds. Default: as their manifests say.")
    var grace: Double?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let finder = AppFinder(context)
      let apps = try target.apps.map(finder.find)
      try context.change(apps, AppStop.self, { .init(app: $0.id, graceSeconds: grace) }) {
        "\($0.app) \($0.state.predicate)"
      }
    }
  }

  struct Restart: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "restart",
      abstract: "Stop apps and start them again; their manifests are read anew.")

    @OptionGroup var target: AppsArgument
    @OptionGroup var waiting: WaitOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let finder = AppFinder(context)
      let apps = try target.apps.map(finder.find)
      try context.change(
        apps, AppRestart.self, { .init(app: $0.id, waitSeconds: waiting.seconds) }, check: waiting.check
      ) { "\($0.app) \($0.state.predicate)" }
    }
  }
}

/// How long to wait for what was asked for.
struct WaitOptions: ParsableArguments {
  @Option(help: "Wait until they run, at most so many seconds; fail where they do not.")
  var wait: Double?

  var seconds: Double { wait ?? 0 }

  /// Fails where an app has failed, or is not as it was waited for.
  func check(_ app: App) throws {
    switch app.state {
    case .running: return
    case .exited where app.lastExit?.code == 0: return
    case .failed, .crashLoop, .stopFailed, .exited: break
    default: guard wait != nil else { return }
    }
    throw Failure(
      "\(app.app) \(app.state.predicate)" + (app.message.map { ": \($0)" } ?? ""),
      notes: (app.lastExit?.lines ?? []).map { "| \($0)" }, hint: "`berth logs \(app.app)` shows what it wrote")
  }
}

extension Context {
  /// Makes a call that changes an app, for several at the same time, and tells of each how it went.
  ///
  /// - Parameters:
  ///   - check: Throws where an app is not as it was to become.
  ///   - line: What to tell people of an app.
  /// - Throws: The failure of the only one that failed; a summary of several.
  func change<M: Method>(
    _ apps: [App], _ method: M.Type, _ params: (App) -> M.Params, check: (App) throws -> Void = { _ in },
    line: (App) -> String
  ) throws where M.Result == App {
    var failures: [Failure] = []
    var changed: [App] = []
    for result in try requestEach(method, apps.map(params)) {
      do {
        let app = try result.get()
        changed.append(app)
        if !json { output.line(DisplayText.safe(line(app))) }
        try check(app)
      } catch {
        failures.append(Failure(error))
      }
    }
    if json { output.json(changed) }
    guard let first = failures.first else { return }
    output.flush()
    guard failures.count > 1 else { throw first }
    throw Failure(
      "\(failures.count) of \(apps.count) apps failed", status: first.status,
      notes: failures.flatMap { [$0.description] + $0.notes.map { "  \($0)" } })
  }
}
