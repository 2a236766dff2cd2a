import ArgumentParser
import BerthProtocol
import JSON

extension AgentCommand {
  struct Add: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Declare an agent in the configuration: a preset, a program, or a model.",
      discussion: """
        A program takes the prompt on its standard input; with --acp, it speaks the Agent Client Protocol. In its \
        arguments, {workspace}, {session}, {run} and {promptFile} stand for what they say.
        """)

    @Argument(help: "The agent's name.")
    var name: String

    @Option(help: "The preset that it comes from.")
    var preset: String?

    @Option(help: "The program: a name in PATH, or an absolute path.")
    var command: String?

    @Option(parsing: .unconditionalSingleValue, help: "An argument of the program. May be repeated.")
    var arg: [String] = []

    @Flag(help: "The program speaks the Agent Client Protocol.")
    var acp = false

    @Option(help: "The endpoint of a model, up to /v1.")
    var url: String?

    @Option(help: "The model's name.")
    var model: String?

    @Option(help: "What to call it.")
    var title: String?

    @Option(help: "An environment variable of its program, NAME=VALUE. May be repeated.")
    var env: [Assignment] = []

    @Option(help: "What happens to its questions: ask, allow or deny.")
    var permissions: PermissionPolicy?

    @Flag(name: .customLong("default"), help: "Give it to runs that name no agent.")
    var isDefault = false

    @Flag(help: "Replace an agent of this name.")
    var replace = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      let sources = [preset, command, url].compactMap(\.self).count
      guard sources == 1 || (sources == 2 && preset != nil && command == nil) else {
        throw ValidationError("Give --preset, or --command, or --url and --model.")
      }
      if url != nil, preset == nil, model == nil { throw ValidationError("--url needs --model.") }
      if command == nil, acp || !arg.isEmpty { throw ValidationError("--arg and --acp need --command.") }
    }

    /// What the configuration says of it.
    var declaration: AgentConfig {
      var config = AgentConfig()
      config.preset = preset
      if command != nil { config.kind = acp ? .acp : .command } else if preset == nil { config.kind = .model }
      config.title = title
      config.command = command
      config.args = arg.isEmpty ? nil : arg
      config.baseUrl = url
      config.model = model
      config.env = env.isEmpty ? nil : env.dictionary
      return config
    }

    func run(_ context: Context) throws {
      let state = try context.request(ConfigGet.self, .init())
      let before = state.config.agents?[name]
      guard before == nil || replace else {
        throw Failure(
          "there is an agent \(name) already", status: .conflict, hint: "--replace puts this one in its place")
      }
      var patch: JSONObject = ["agents": [name: .object(members(replacing: before))]]
      if isDefault { patch["runs"] = ["defaultAgent": .string(name)] }
      _ = try context.request(ConfigUpdate.self, .init(patch: patch, ifVersion: state.version))
      let agent = try context.request(AgentGet.self, .init(agent: name))
      context.show(agent) { agent in
        context.output.line("Added \(agent.name), which runs \(DisplayText.safe(agent.runs))")
        if let fault = agent.fault { Messages.line(Style.errors(.yellow, DisplayText.safe(fault))) }
      }
    }

    /// The merge patch of its members: what is said of it, and nothing of what was.
    func members(replacing before: AgentConfig?) -> JSONObject {
      var members = JSONObject()
      for member in before?.jsonValue().objectValue?.members ?? [] { members[member.key] = .null }
      let defaults = AgentConfig().jsonValue()
      for member in declaration.jsonValue().objectValue?.members ?? [] where member.value != defaults[member.key] {
        members[member.key] = member.value
      }
      if let permissions { members["permissions"] = .string(permissions.rawValue) }
      return members
    }
  }
}
