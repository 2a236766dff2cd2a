import ArgumentParser
import BerthProtocol

extension AppCommand {
  struct Setup: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "setup",
      abstract: "Run an app's setup; it is skipped where nothing it depends on has changed.",
      discussion: "Ctrl-C cancels it, and ends all of its processes.")

    @OptionGroup var target: AppArgument

    @Flag(name: .shortAndLong, help: "Run it even where nothing has changed.")
    var force = false

    @OptionGroup var job: JobOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let app = try AppFinder(context).find(target.app)
      let started = try context.request(AppSetup.self, .init(app: app.id, force: force))
      try context.settle(started, detach: job.detach) { job in
        guard let result = try job.result(as: SetupJobResult.self) else { return }
        let name = DisplayText.safe(app.app)
        let time = result.durationMs.map { " in \(Humanize.duration(seconds: Double($0) / 1000))" } ?? ""
        context.output.line(
          result.skipped
            ? "\(name) needs no setup now; `--force` runs it all the same" : "Set up \(name)\(time)")
      }
    }
  }

  struct BuildStatusOf: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "build-status", abstract: "Tell how an app's setup stands.")

    @OptionGroup var target: AppArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let app = try AppFinder(context).find(target.app)
      let build = try context.request(AppBuildStatus.self, .init(app: app.id))
      context.show(build) { build in
        var details = Details()
        details.add("setup", build.state.rawValue, build.state.look)
        details.add("because", build.message)
        details.add("job", build.job)
        details.add("ended", build.endedAt.map(context.time))
        context.output.print(details)
      }
    }
  }
}
