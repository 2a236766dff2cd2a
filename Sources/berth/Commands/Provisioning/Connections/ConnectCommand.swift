import ArgumentParser
import BerthProtocol
import Platform

/// `berth connect`: a runtime on instances.
struct ConnectCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Install a runtime, and the server that goes with it, on instances, side by side.",
    discussion: """
      RUNTIME is a resource's name or id; a runtime of the catalog, such as python-3.13; or a language: what the \
      instance's system has of it, else its newest version. Where an instance's environment has no such resource, one \
      is made. What is there already is left as it is, and `berth disconnect` takes away exactly what was brought.

      Ctrl-C cancels all that goes on; a second one leaves at once. The status is 0 where all are connected. With --json, \
      one object a line for each instance.
      """)

  @Argument(
    help: "A resource, a runtime of the catalog, or a language.",
    completion: .custom { _, _, _ in Completion.runtimes() })
  var runtime: String

  @Argument(
    help: "The instances' ids, or names where only one has them.",
    completion: .custom { _, _, _ in Completion.instances() })
  var instances: [String]

  @Option(name: .shortAndLong, help: "The application server that goes with it, such as gunicorn.")
  var server: String?

  @Flag(help: "Only tell what would be done. Nothing is touched.")
  var plan = false

  @Flag(help: "With --plan: print the scripts too.")
  var scripts = false

  @Flag(name: .shortAndLong, help: "On a terminal: show everything that programs on the machines write.")
  var verbose = false

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func validate() throws {
    if scripts, !plan { throw ValidationError("--scripts says more of --plan.") }
  }

  func run(_ context: Context) throws {
    let instances = try context.instances(instances)
    let finder = RuntimeFinder(context, runtime, server: server)
    if plan { return try ConnectionPlanner(context: context, finder: finder, scripts: scripts).show(instances) }
    let sources = try instances.map(finder.resource)
    let follower = ConnectionFollower(context, instances.map(\.name), goal: .connected, isVerbose: verbose)
    try follower.run(
      ConnectionCreate.self,
      zip(sources, instances).map { source, instance in
        .init(source: source.id, target: instance.id, attach: true, idempotencyKey: Identifier.make("cli"))
      })
  }
}
