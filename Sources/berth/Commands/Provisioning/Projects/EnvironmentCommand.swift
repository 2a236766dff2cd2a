import ArgumentParser
import BerthProtocol

/// `berth environment`: parts of a project, such as staging.
struct EnvironmentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "environment",
    abstract: "List, make and delete environments of a project.",
    discussion: "`berth environments PROJECT` lists those of a project.",
    subcommands: [List.self, Show.self, Add.self, Remove.self],
    defaultSubcommand: List.self,
    aliases: ["environments", "env"])
}

struct EnvironmentArgument: ParsableArguments {
  @Argument(help: "The project's slug or id.", completion: .custom { _, _, _ in Completion.projects() })
  var project: String

  @Argument(help: "The environment's slug or id.")
  var environment: String
}

extension EnvironmentCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List a project's environments, the default one first.", aliases: ["ls"])

    @Argument(
      help: "The project's slug or id. Default: `default`.", completion: .custom { _, _, _ in Completion.projects() })
    var project = "default"

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let environments = try context.request(EnvironmentList.self, .init(project: project)).environments
      if context.json { return context.output.json(environments) }
      var table = Table(
        .left("ENVIRONMENT"), .text("NAME"), .left("DEFAULT"), .right("RESOURCES"), .text("DESCRIPTION"))
      for environment in environments {
        table.add(
          .init(environment.slug, .bold), .init(environment.name), .init(environment.isDefault ? "yes" : "no", .dim),
          .init("\(environment.resources)"), .init(environment.description ?? "", .dim))
      }
      context.output.print(table)
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one environment.", aliases: ["get"])

    @OptionGroup var target: EnvironmentArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let environment = try context.request(
        EnvironmentGet.self, .init(project: target.project, environment: target.environment))
      context.show(environment) { environment in
        var details = Details()
        details.add("environment", environment.slug, .bold)
        details.add("name", environment.name)
        details.add("id", environment.id)
        details.add("project", environment.project)
        details.add("description", environment.description)
        details.add("default", environment.isDefault ? "yes" : nil)
        details.add("resources", "\(environment.resources)")
        details.add("created", context.time(environment.createdAt))
        context.output.print(details)
      }
    }
  }

  struct Add: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "add", abstract: "Make an environment in a project.", aliases: ["create"])

    @OptionGroup var target: ProjectArgument

    @Argument(help: "Its name.")
    var name: String

    @Option(help: "What it is for.")
    var description: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let created = try context.request(
        EnvironmentCreate.self, .init(project: target.project, name: name, description: description))
      context.show(created.environment) { context.output.line("Added \($0.slug), \($0.id)") }
    }
  }

  struct Remove: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "remove", abstract: "Delete an environment that has no resources any more.",
      aliases: ["rm", "delete"])

    @OptionGroup var target: EnvironmentArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let environment = try context.request(
        EnvironmentDelete.self, .init(project: target.project, environment: target.environment))
      context.show(environment) { context.output.line("Deleted \($0.slug)") }
    }
  }
}
