import ArgumentParser
import BerthProtocol

/// `berth instance`: machines that are reached over SSH.
struct InstanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "instance",
    abstract: "Add remote machines, look at them, and run commands on them.",
    discussion: """
      `berth instances` lists them. A NAME is an instance's id, or its name where only one has it. Passwords are asked \
      for without showing them, or read from standard input, and are kept encrypted.
      """,
    groupedSubcommands: [
      CommandGroup(
        name: "Instances",
        subcommands: [List.self, Add.self, Show.self, Update.self, Remove.self]),
      CommandGroup(name: "On the machine", subcommands: [Probe.self, Trust.self, Exec.self, Shell.self]),
    ],
    defaultSubcommand: List.self,
    aliases: ["instances"])
}

struct InstanceArgument: ParsableArguments {
  @Argument(
    help: "The instance's id, or its name where only one has it.",
    completion: .custom { _, _, _ in Completion.instances() })
  var instance: String
}

extension InstanceCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List instances, by name.", aliases: ["ls"])

    @OptionGroup var place: PlaceOptions

    @Option(help: "Only those that are new, ready or unreachable. May be repeated.")
    var status: [ResourceStatus] = []

    @Flag(name: .shortAndLong, help: "Print names only.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let instances = try context.allInstances(
        project: place.project, environment: place.environment, statuses: status.isEmpty ? nil : status)
      if context.json { return context.output.json(instances) }
      if quiet { return instances.forEach { context.output.line(DisplayText.safe($0.name)) } }
      if instances.isEmpty, context.output.isTerminal {
        return Messages.line("No instances. `berth instance add HOST` adds one.")
      }
      let places = try context.placeNames()
      let isTerminal = context.output.isTerminal
      var table = Table(
        .text("NAME"), .text("ADDRESS"), .left("STATUS"), .text("SYSTEM"), .left("PROJECT"), .right("CONNECTIONS"),
        .left("SEEN"))
      for instance in instances {
        let seen = instance.facts?.probedAt
        let isLost = instance.status == .unreachable
        table.add(
          .init(instance.name, .bold), .init(instance.address),
          .init(instance.status.rawValue, instance.status.look),
          .init((isLost ? instance.fault?.message : instance.facts?.system) ?? "", isLost ? .red : .plain),
          .init(places[instance.environment] ?? instance.environment), .init("\(instance.connections)"),
          .init(seen.map { isTerminal ? Humanize.age($0) : $0 } ?? "-", .dim))
      }
      context.output.print(table)
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one instance, with what its last probe found.", aliases: ["get"])

    @OptionGroup var target: InstanceArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let instance = try context.request(InstanceGet.self, .init(instance: target.instance))
      context.show(instance, context.print)
    }
  }

  struct Remove: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "remove",
      abstract: "Forget instances and their secrets; nothing on the machines is touched.",
      discussion: "One that has connections is refused: `berth disconnect` ends them.",
      aliases: ["rm", "delete"])

    @Argument(
      help: "The instances' ids, or names where only one has them.",
      completion: .custom { _, _, _ in Completion.instances() })
    var instances: [String]

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var removed: [Instance] = []
      for reference in instances {
        let instance = try context.request(InstanceDelete.self, .init(instance: reference))
        removed.append(instance)
        if !context.json { context.output.line(DisplayText.safe("Removed \(instance.name)")) }
      }
      if context.json { context.output.json(removed) }
    }
  }
}
