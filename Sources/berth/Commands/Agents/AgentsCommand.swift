import ArgumentParser
import BerthProtocol

/// `berth agents`: which agents there are.
struct AgentsCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "agents", abstract: "List the agents that are declared, or the presets to declare one with.")

  @Flag(help: "List the presets.")
  var presets = false

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let catalog = try context.request(AgentList.self, .init())
    if context.json { return presets ? context.output.json(catalog.presets) : context.output.json(catalog.agents) }
    if presets { return context.print(catalog.presets) }
    if catalog.agents.isEmpty, context.output.isTerminal {
      return Messages.line("No agents. `berth agents --presets` lists what `berth agent add` can declare.")
    }
    var table = Table(
      .left("NAME"), .left("KIND"), .text("RUNS"), .left("PERMISSIONS"), .left("SECRETS"), .text("FAULT"))
    for agent in catalog.agents {
      table.add(
        .init(agent.name, .bold), .init(agent.kind.rawValue), .init(agent.runs),
        .init(agent.permissions?.rawValue ?? ""), .init(agent.secrets.joined(separator: ", ")),
        .init(agent.fault ?? "", .red))
    }
    context.output.print(table)
    if context.output.isTerminal, let name = catalog.defaultAgent {
      Messages.line(Style.errors(.dim, "\(DisplayText.safe(name)) is what runs get that name no agent"))
    }
  }
}

extension Agent {
  /// What it runs: its command line, or the model and where that is.
  var runs: String {
    if let command { return command.joined(separator: " ") }
    return [model, baseUrl].compactMap(\.self).joined(separator: " at ")
  }
}

extension Context {
  fileprivate func print(_ presets: [AgentPreset]) {
    var table = Table(
      .left("PRESET"), .left("KIND"), .left("TITLE"), .left("THERE"), .left("SECRET"), .text("RUNS"), .text("HINT"))
    for preset in presets {
      table.add(
        .init(preset.name, .bold), .init(preset.kind.rawValue), .init(preset.title),
        .init(preset.available ? "yes" : "no", preset.available ? .green : .dim), .init(preset.secret ?? ""),
        .init(preset.command?.joined(separator: " ") ?? preset.baseUrl ?? ""), .init(preset.hint, .dim))
    }
    output.print(table)
  }
}

extension Completion {
  static func agents() -> [String] {
    ask { context in
      let catalog = try context.request(AgentList.self, .init())
      return catalog.agents.map(\.name) + catalog.presets.map(\.name)
    }
  }

  static func runs() -> [String] {
    ask { context in try context.request(AgentRunList.self, .init()).runs.map(\.id) }
  }

  static func sessions() -> [String] {
    ask { context in try context.request(AgentSessionList.self, .init()).sessions.map(\.id) }
  }
}
