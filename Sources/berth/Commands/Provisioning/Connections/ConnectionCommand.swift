import ArgumentParser
import BerthProtocol

/// `berth connection`: what is connected to what.
struct ConnectionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connection",
    abstract: "List connections, look into one, verify it, and go on with one that has failed.",
    discussion: "`berth connections` lists them. `berth connect` makes them, `berth disconnect` ends them.",
    subcommands: [List.self, Show.self, Retry.self, Verify.self, Update.self, Allowed.self],
    defaultSubcommand: List.self,
    aliases: ["connections"])
}

struct ConnectionsArgument: ParsableArguments {
  @Argument(help: "The connections' ids.", completion: .custom { _, _, _ in Completion.connections() })
  var connections: [String]

  func find(_ context: Context) throws -> [ResourceConnection] {
    try connections.map { try context.request(ConnectionGet.self, .init(connection: $0)) }
  }
}

extension ConnectionCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List connections, newest first.", aliases: ["ls"])

    @Flag(name: .shortAndLong, help: "List those too that were ended.")
    var all = false

    @Option(help: "Only those that stand so, such as connected or failed. May be repeated.")
    var status: [ConnectionStatus] = []

    @Option(
      help: "Only those of this resource, by its id or name.", completion: .custom { _, _, _ in Completion.resources() }
    )
    var source: String?

    @Option(
      help: "Only those to this instance, by its id or name.", completion: .custom { _, _, _ in Completion.instances() }
    )
    var instance: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if all, !status.isEmpty { throw ValidationError("--all and --status exclude each other.") }
    }

    func run(_ context: Context) throws {
      let statuses = all ? ConnectionStatus.allCases : status.isEmpty ? nil : status
      let connections = try context.allConnections(source: source, target: instance, statuses: statuses)
      if context.json { return context.output.json(connections) }
      if connections.isEmpty, context.output.isTerminal {
        return Messages.line("No connections. `berth connect RUNTIME INSTANCE` makes one.")
      }
      let isTerminal = context.output.isTerminal
      var table = Table(
        .left("ID"), .text("WHAT"), .text("WHERE"), .left("STATUS"), .text("INSTALLED"), .left("CHANGED"), .text("WHY"))
      for connection in connections {
        table.add(
          .init(connection.id), .init(connection.sourceName, .bold), .init(connection.targetName, .bold),
          .init(isTerminal ? connection.state : connection.status.rawValue, connection.status.look),
          .init(connection.versions),
          .init(isTerminal ? Humanize.age(connection.updatedAt) : connection.updatedAt, .dim),
          .init((isTerminal ? connection.why : connection.errorMessage) ?? "", .red))
      }
      context.output.print(table)
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one connection, with what was changed for it.", aliases: ["get"])

    @Argument(help: "The connection's id.", completion: .custom { _, _, _ in Completion.connections() })
    var connection: String

    @Option(help: "Wait until nothing is being done for it, at most so many seconds.")
    var wait: Double?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let connection = try context.request(
        ConnectionGet.self, .init(connection: connection, waitSeconds: wait ?? 0))
      context.show(connection, context.print)
    }
  }

  struct Retry: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "retry",
      abstract: "Go on with connections that have failed, from the step that failed.",
      discussion: "With --json, one object a line for each. Ctrl-C cancels all that goes on.")

    @OptionGroup var target: ConnectionsArgument

    @Flag(name: .shortAndLong, help: "On a terminal: show everything that programs on the machines write.")
    var verbose = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let connections = try target.find(context)
      // One that was not to be any more is taken up where it was left: at being removed.
      let goal: ConnectionFollower.Goal =
        connections.allSatisfy { $0.isLeaving } && !connections.isEmpty ? .disconnected : .connected
      try context.work(on: connections, goal: goal, isVerbose: verbose, ConnectionRetry.self) {
        .init(connection: $0.id, attach: true)
      }
    }
  }

  struct Update: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "update",
      abstract: "Bring instances to what their resources say today: another version, another server.",
      discussion: "With --json, one object a line for each. Ctrl-C cancels all that goes on.")

    @OptionGroup var target: ConnectionsArgument

    @Flag(name: .shortAndLong, help: "On a terminal: show everything that programs on the machines write.")
    var verbose = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      try context.work(
        on: target.find(context), goal: .connected, isVerbose: verbose, ConnectionUpdate.self
      ) { .init(connection: $0.id, attach: true) }
    }
  }

  struct Allowed: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "allowed", abstract: "List which types of resources can be connected.")

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let allowed = try context.request(ConnectionListAllowed.self, .init()).allowed
      if context.json { return context.output.json(allowed) }
      var table = Table(.left("FROM"), .left("TO"), .left("SUPPORTED"))
      for pair in allowed {
        table.add(
          .init(pair.sourceResourceType.rawValue), .init(pair.targetResourceType.rawValue),
          .init(pair.supported ? "yes" : "not yet", pair.supported ? .green : .dim))
      }
      context.output.print(table)
    }
  }
}

extension ResourceConnection {
  /// Whether it failed while it was being ended.
  fileprivate var isLeaving: Bool {
    switch error?.step ?? step {
    case .removeServer, .removeRuntime: true
    default: false
    }
  }
}
