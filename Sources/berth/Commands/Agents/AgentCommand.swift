import ArgumentParser
import BerthProtocol
import JSON

/// `berth agent`: one agent.
struct AgentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Declare agents, try them out, and keep their secrets.",
    discussion: "`berth agents` lists them.",
    subcommands: [Show.self, Probe.self, Add.self, Remove.self, Secret.self])
}

struct AgentArgument: ParsableArguments {
  @Argument(help: "The agent's name.", completion: .custom { _, _, _ in Completion.agents() })
  var agent: String
}

extension AgentCommand {
  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one agent, with what its preset adds.", aliases: ["get"])

    @OptionGroup var target: AgentArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let agent = try context.request(AgentGet.self, .init(agent: target.agent))
      context.show(agent) { agent in
        var details = Details()
        details.add("agent", agent.name, .bold)
        details.add("title", agent.title == agent.name ? nil : agent.title)
        details.add("kind", agent.kind.rawValue)
        details.add("preset", agent.preset)
        details.add("runs", agent.runs)
        details.add("permissions", agent.permissions?.rawValue)
        details.add("secrets", agent.secrets.isEmpty ? nil : agent.secrets.joined(separator: ", "))
        details.add("fault", agent.fault, .red)
        details.add("running", "\(agent.running)")
        details.add("waiting", agent.queued == 0 ? nil : "\(agent.queued)")
        context.output.print(details)
      }
    }
  }

  struct Probe: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "probe", abstract: "Try an agent out: whether it can be used, and what it still needs.")

    @OptionGroup var target: AgentArgument

    @Option(help: "How long it may take, in seconds.")
    var timeout = 60.0

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let probe = try context.request(AgentProbe.self, .init(agent: target.agent, timeoutSeconds: timeout))
      if context.json {
        context.output.json(probe)
      } else if probe.ok {
        context.print(probe)
      }
      guard !probe.ok else { return }
      let methods = (probe.authMethods ?? []).map { method in
        "\(method.id): \(method.name)" + (method.description.map { ", \($0)" } ?? "")
      }
      throw Failure(probe.message, notes: methods + (probe.lines ?? []).map { "| \($0)" })
    }
  }

  struct Remove: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "remove", abstract: "Take an agent out of the configuration, and forget its secrets.",
      aliases: ["rm"])

    @OptionGroup var target: AgentArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let state = try context.request(ConfigGet.self, .init())
      let name = target.agent
      guard state.config.agents?[name] != nil else {
        throw Failure(
          "the configuration declares no agent \(name)", status: .notFound,
          hint: "`berth agents` shows those that it does")
      }
      let secrets = try context.request(AgentGet.self, .init(agent: name)).secrets
      if !secrets.isEmpty {
        let patch = secrets.reduce(into: JSONObject()) { $0[$1] = .null }
        _ = try context.request(AgentConfigure.self, .init(agent: name, secrets: patch))
      }
      var patch: JSONObject = ["agents": [name: .null]]
      if state.config.runs.defaultAgent == name { patch["runs"] = ["defaultAgent": .null] }
      let changed = try context.request(ConfigUpdate.self, .init(patch: patch, ifVersion: state.version))
      context.show(changed) { _ in context.output.line("Removed \(name)") }
    }
  }

  struct Secret: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "secret",
      abstract: "Keep a secret for an agent: a key or a token.",
      discussion: """
        Its value is asked for without showing it, or read from standard input. Programs get it in their environment; \
        a model's provider is asked with API_KEY.
        """)

    @OptionGroup var target: AgentArgument

    @Argument(help: "The name of the environment variable.")
    var name: String

    @Flag(help: "Forget it.")
    var unset = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var secrets: JSONObject = [name: .null]
      if !unset {
        let values =
          Terminal.canAsk ? try Prompt.secrets([name]) : try SecretOptions.values([name], in: Input.readAll())
        secrets[name] = .string(values.first ?? "")
      }
      let agent = try context.request(AgentConfigure.self, .init(agent: target.agent, secrets: secrets))
      context.show(agent) { agent in
        let kept = agent.secrets.isEmpty ? "none" : agent.secrets.joined(separator: ", ")
        context.output.line("Secrets of \(agent.name): \(kept)")
      }
    }
  }
}

extension Context {
  fileprivate func print(_ probe: AgentProbeResult) {
    var details = Details()
    details.add("agent", probe.agent, .bold)
    details.add("found", probe.message, .green)
    details.add("version", probe.version)
    details.add("protocol", probe.protocolVersion.map { "ACP \($0)" })
    details.add("took", Humanize.duration(seconds: Double(probe.durationMs) / 1000))
    for method in probe.authMethods ?? [] { details.add("login", "\(method.id)  (\(method.name))") }
    if let models = probe.models {
      let more = models.count > 20 ? ", and \(models.count - 20) more" : ""
      details.add("models", models.prefix(20).joined(separator: ", ") + more)
    }
    output.print(details)
  }
}
