import ArgumentParser
import BerthProtocol

/// `berth resource`: what projects have.
struct ResourceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resource",
    abstract: "List and change what projects have: runtimes, terminals, instances.",
    discussion: "`berth resources` lists them. `berth connect` makes those that it needs.",
    subcommands: [List.self, Show.self, Add.self, Update.self, Remove.self],
    defaultSubcommand: List.self,
    aliases: ["resources"])
}

struct ResourceArgument: ParsableArguments {
  @Argument(
    help: "The resource's id, or its name where only one has it.",
    completion: .custom { _, _, _ in Completion.resources() })
  var resource: String
}

extension ResourceCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List resources, by name.", aliases: ["ls"])

    @Option(help: "Only those of this type: runtime, terminal or instance. May be repeated.")
    var type: [ResourceType] = []

    @Option(help: "Only those whose name has this in it.")
    var search: String?

    @Flag(inversion: .prefixedNo, help: "Only those that have connections, or have none.")
    var connected: Bool?

    @Flag(name: .shortAndLong, help: "List deleted ones too.")
    var all = false

    @OptionGroup var place: PlaceOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let resources = try context.allResources(
        project: place.project, environment: place.environment, types: type.isEmpty ? nil : type, search: search,
        connected: connected, includeDeleted: all)
      if context.json { return context.output.json(resources) }
      if resources.isEmpty, context.output.isTerminal {
        return Messages.line("No resources. `berth instance add HOST` adds an instance, `berth connect` what it needs.")
      }
      let places = try context.placeNames()
      let isTerminal = context.output.isTerminal
      var table = Table(
        .text("NAME"), .left("TYPE"), .left("STATUS"), .text("WHAT"), .left("PROJECT"), .right("CONNECTIONS"),
        .left("CHANGED"), .left("ID"))
      for resource in resources {
        table.add(
          .init(resource.name, .bold), .init(resource.resourceType.rawValue),
          .init(resource.status.rawValue, resource.status.look), .init(resource.metadata.words),
          .init(places[resource.environment] ?? resource.environment), .init("\(resource.connections)"),
          .init(isTerminal ? Humanize.age(resource.updatedAt) : resource.updatedAt, .dim), .init(resource.id, .dim))
      }
      context.output.print(table)
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one resource and its connections.", aliases: ["get"])

    @OptionGroup var target: ResourceArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let detail = try context.request(ResourceGet.self, .init(resource: target.resource))
      context.show(detail) { detail in
        let resource = detail.resource
        var details = Details()
        details.add("resource", resource.name, .bold)
        details.add("id", resource.id)
        details.add("type", resource.resourceType.rawValue)
        details.add("status", resource.status.rawValue, resource.status.look)
        details.add("runtime", resource.metadata.runtimeId)
        details.add("server", resource.metadata.applicationServer)
        details.add("host", resource.metadata.host)
        details.add("system", resource.metadata.os)
        details.add("project", resource.project)
        details.add("environment", resource.environment)
        for connection in detail.connections { details.add("connection", connection.line, connection.status.look) }
        details.add("version", "\(resource.version)")
        details.add("created", context.time(resource.createdAt))
        details.add("changed", context.time(resource.updatedAt))
        context.output.print(details)
      }
    }
  }

  struct Add: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Make a resource of a runtime. Nothing is installed before `berth connect`.", aliases: ["create"])

    @Argument(
      help: "The runtime's id, such as python-3.13.", completion: .custom { _, _, _ in Completion.catalog() })
    var runtime: String

    @Option(help: "Its name. Default: that of the runtime.")
    var name: String?

    @Option(help: "The application server that goes with it, such as gunicorn.")
    var server: String?

    @OptionGroup var place: PlaceOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let created = try context.request(
        ResourceCreateRuntime.self,
        .init(
          runtimeId: runtime, project: place.project, environment: place.environment, name: name,
          applicationServer: server))
      context.show(created.resource) { context.output.line(DisplayText.safe("Added \($0.name), \($0.id)")) }
    }
  }

  struct Update: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "update",
      abstract: "Change a resource.",
      discussion: "What is installed of it already changes with `berth connection update`.")

    @OptionGroup var target: ResourceArgument

    @Option(help: "Its new name.")
    var name: String?

    @Option(help: "Of a runtime: another version, by its id in the catalog.")
    var runtime: String?

    @Option(help: "Of a runtime: another application server, or `none`.")
    var server: String?

    @Option(help: "Fail where the resource is of another version.")
    var ifVersion: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if name == nil, runtime == nil, server == nil { throw ValidationError("Give --name, --runtime or --server.") }
    }

    func run(_ context: Context) throws {
      let resource = try context.request(
        ResourceUpdate.self,
        .init(
          resource: target.resource, name: name, runtimeId: runtime,
          applicationServer: server.map { $0 == "none" ? "" : $0 }, ifVersion: ifVersion))
      context.show(resource) { resource in
        let isInstalled = resource.connections > 0 && (runtime != nil || server != nil)
        context.output.line(
          DisplayText.safe("Changed \(resource.name)")
            + (isInstalled ? "; `berth connection update ID` brings its connections to it" : ""))
      }
    }
  }

  struct Remove: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "remove", abstract: "Delete resources that have no connections any more.",
      aliases: ["rm", "delete"])

    @Argument(
      help: "The resources' ids, or names where only one has them.",
      completion: .custom { _, _, _ in Completion.resources() })
    var resources: [String]

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var deleted: [Resource] = []
      for reference in resources {
        let resource = try context.request(ResourceDelete.self, .init(resource: reference))
        deleted.append(resource)
        if !context.json { context.output.line(DisplayText.safe("Deleted \(resource.name)")) }
      }
      if context.json { context.output.json(deleted) }
    }
  }
}

extension ResourceType: ExpressibleByArgument {}

extension ResourceStatus: ExpressibleByArgument {
  var look: Style.Look {
    switch self {
    case .new, .deleted: .dim
    case .ready: .green
    case .unreachable: .red
    }
  }
}

extension ResourceMetadata {
  /// What it is, in a few words.
  var words: String {
    if let runtime = runtimeId ?? runtimeDisplayName {
      return runtime + (applicationServer.map { " with \($0)" } ?? "")
    }
    return [host, os].compactMap(\.self).joined(separator: ", ")
  }
}
