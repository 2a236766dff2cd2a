import ArgumentParser
import BerthProtocol

/// `berth project`: where resources and instances belong.
struct ProjectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "project",
    abstract: "List, make and change projects, in which instances and resources are.",
    discussion: "`berth projects` lists them. What names no project is in the one of the slug `default`.",
    subcommands: [List.self, Show.self, Add.self, Update.self, Remove.self],
    defaultSubcommand: List.self,
    aliases: ["projects"])
}

struct ProjectArgument: ParsableArguments {
  @Argument(help: "The project's slug or id.", completion: .custom { _, _, _ in Completion.projects() })
  var project: String
}

extension ProjectCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List projects, by name.", aliases: ["ls"])

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let projects = try context.allProjects()
      if context.json { return context.output.json(projects) }
      if projects.isEmpty, context.output.isTerminal {
        return Messages.line("No projects. `berth project add NAME` makes one; the first instance makes `default`.")
      }
      let isTerminal = context.output.isTerminal
      var table = Table(
        .left("PROJECT"), .text("NAME"), .right("ENVIRONMENTS"), .right("RESOURCES"), .left("CHANGED"),
        .text("DESCRIPTION"))
      for project in projects {
        table.add(
          .init(project.slug, .bold), .init(project.name), .init("\(project.environments)"),
          .init("\(project.resources)"),
          .init(isTerminal ? Humanize.age(project.updatedAt) : project.updatedAt, .dim),
          .init(project.description ?? "", .dim))
      }
      context.output.print(table)
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one project and its environments.", aliases: ["get"])

    @OptionGroup var target: ProjectArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let project = try context.request(ProjectGet.self, .init(project: target.project))
      if context.json { return context.output.json(project) }
      let environments = try context.request(EnvironmentList.self, .init(project: project.id)).environments
      var details = Details()
      details.add("project", project.slug, .bold)
      details.add("name", project.name)
      details.add("id", project.id)
      details.add("description", project.description)
      for environment in environments {
        details.add("environment", "\(environment.slug), \(Humanize.count(environment.resources, "resource"))")
      }
      details.add("version", "\(project.version)")
      details.add("created", context.time(project.createdAt))
      details.add("changed", context.time(project.updatedAt))
      context.output.print(details)
    }
  }

  struct Add: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "add", abstract: "Make a project, with the environment `master`.", aliases: ["create"])

    @Argument(help: "Its name.")
    var name: String

    @Option(help: "Its slug. Default: made of the name.")
    var slug: String?

    @Option(help: "What it is for.")
    var description: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let created = try context.request(
        ProjectCreate.self, .init(name: name, description: description, slug: slug))
      context.show(created.project) { context.output.line("Added \($0.slug), \($0.id)") }
    }
  }

  struct Update: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "update", abstract: "Change a project.")

    @OptionGroup var target: ProjectArgument

    @Option(help: "Its new name. The slug stays.")
    var name: String?

    @Option(help: "Its new slug.")
    var slug: String?

    @Option(help: "What it is for.")
    var description: String?

    @Option(help: "Fail where the project is of another version.")
    var ifVersion: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if name == nil, slug == nil, description == nil { throw ValidationError("Give --name, --slug or --description.") }
    }

    func run(_ context: Context) throws {
      let project = try context.request(
        ProjectUpdate.self,
        .init(project: target.project, name: name, description: description, slug: slug, ifVersion: ifVersion))
      context.show(project) { context.output.line("Changed \($0.slug)") }
    }
  }

  struct Remove: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "remove", abstract: "Delete a project that has no resources any more.", aliases: ["rm", "delete"])

    @OptionGroup var target: ProjectArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let project = try context.request(ProjectDelete.self, .init(project: target.project))
      context.show(project) { context.output.line("Deleted \($0.slug)") }
    }
  }
}
