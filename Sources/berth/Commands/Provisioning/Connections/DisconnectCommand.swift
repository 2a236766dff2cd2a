import ArgumentParser
import BerthProtocol

/// `berth disconnect`: what was installed for a connection goes.
struct DisconnectCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "disconnect",
    abstract: "Remove from instances exactly what was installed for a connection, side by side.",
    discussion: """
      RUNTIME names the resource, its runtime in the catalog, or the language; without INSTANCE, all of its \
      connections are meant. What something else on the machine needs by now stays, and is told. Where removing fails, \
      the connection stays as failed and says why; --force forgets it all the same.
      """)

  @Argument(
    help: "What is connected, or the id of a connection.",
    completion: .custom { _, _, _ in Completion.connections() + Completion.runtimes() })
  var runtime: String

  @Argument(
    help: "The instances' ids, or names where only one has them.",
    completion: .custom { _, _, _ in Completion.instances() })
  var instances: [String] = []

  @Flag(help: "Forget the connection where what was installed can not be removed.")
  var force = false

  @Flag(name: .shortAndLong, help: "Do not ask where there are several.")
  var yes = false

  @Flag(name: .shortAndLong, help: "On a terminal: show everything that programs on the machines write.")
  var verbose = false

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func validate() throws {
    if runtime.hasPrefix("con_"), !instances.isEmpty {
      throw ValidationError("A connection's id says of which instance it is.")
    }
  }

  func run(_ context: Context) throws {
    let connections = try connections(context)
    if connections.count > max(1, instances.count), !yes { try agree(to: connections) }
    try context.work(
      on: connections, goal: .disconnected, isVerbose: verbose, ConnectionDelete.self
    ) { .init(connection: $0.id, force: force, attach: true) }
  }

  private func connections(_ context: Context) throws -> [ResourceConnection] {
    if runtime.hasPrefix("con_") { return [try context.request(ConnectionGet.self, .init(connection: runtime))] }
    let targets = try context.instances(instances).map(\.id)
    let metadata = Dictionary(
      try context.allResources(types: [.runtime]).map { ($0.id, $0.metadata) }
    ) { first, _ in first }
    let found = try context.allConnections().filter { connection in
      targets.isEmpty || targets.contains(connection.targetResourceId)
    }
    // The narrowest meaning that fits: a resource, a runtime, a language.
    let meanings: [(ResourceConnection) -> Bool] = [
      { $0.sourceResourceId == runtime || $0.sourceName == runtime },
      { metadata[$0.sourceResourceId]?.runtimeId == runtime },
      { metadata[$0.sourceResourceId]?.runtimeName == runtime },
    ]
    for isMeant in meanings {
      let chosen = found.filter(isMeant)
      if !chosen.isEmpty { return chosen }
    }
    let place = instances.isEmpty ? "any instance" : instances.joined(separator: ", ")
    throw Failure(
      "`\(runtime)` is not connected to \(place)", status: .notFound,
      hint: "`berth connections` shows what is connected")
  }

  private func agree(to connections: [ResourceConnection]) throws {
    let targets = connections.map { DisplayText.safe("\($0.sourceName) from \($0.targetName)") }.joined(separator: ", ")
    guard Terminal.canAsk else {
      throw Failure(
        "removing \(targets) has to be confirmed",
        status: .usage, hint: "pass --yes, or name the instances or a connection")
    }
    guard Prompt.confirm("Remove \(targets)?") else {
      throw Failure("nothing was disconnected", status: .interrupted)
    }
  }
}

extension Context {
  /// Calls a method for each of some connections, and follows the jobs.
  func work<M: Method>(
    on connections: [ResourceConnection], goal: ConnectionFollower.Goal, isVerbose: Bool, _ method: M.Type,
    _ params: (ResourceConnection) -> M.Params
  ) throws where M.Result == ConnectionStarted {
    // The machine's name, with what is on it where that tells them apart.
    let counts = Dictionary(grouping: connections, by: \.targetName).mapValues(\.count)
    let names = connections.map {
      counts[$0.targetName] == 1 ? $0.targetName : "\($0.targetName) (\($0.sourceName))"
    }
    try ConnectionFollower(self, names, goal: goal, isVerbose: isVerbose).run(method, connections.map(params))
  }
}
