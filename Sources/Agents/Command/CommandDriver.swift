import BerthProtocol
import JSON
import Platform
import Supervisor

/// Any program that takes a prompt: on its standard input, or in a file whose name is one of its arguments. Each turn is
/// a start of the program; what it writes is told line by line.
enum CommandDriver: AgentDriver {
  static let outlivesServer = true

  static func fault(of agent: ResolvedAgent) -> String? {
    guard let command = agent.config.command else { return "It needs a `command`." }
    let arguments = [command] + (agent.config.args ?? [])
    if arguments.contains(where: { $0.contains("{prompt}") }) {
      return
        "`{prompt}` would show the prompt in the list of processes. Leave it out, and the prompt comes on standard "
        + "input, or use `{promptFile}`."
    }
    if arguments.contains(where: { $0.utf8.contains(0) }) { return "Its arguments must not hold NUL bytes." }
    return nil
  }

  static func fault(of prompt: [ContentBlock], for agent: ResolvedAgent) -> String? {
    prompt.contains { $0.type == .image }
      ? "`\(agent.name)` is a command and takes words only. Name the picture's path in a `file` block instead." : nil
  }

  static func canSteer(_ agent: ResolvedAgent) -> Bool { false }

  static func probe(
    _ agent: ResolvedAgent, _ services: AgentServices, timeoutSeconds: Double
  ) async -> AgentProbeResult {
    let began = Timestamp.monotonicNanoseconds()
    let command = agent.config.command ?? ""
    let path = ProgramSearch.find(command, in: agent.environment())
    return AgentProbeResult(
      agent: agent.name, ok: path != nil,
      message: path.map { "The program is \($0)." }
        ?? "There is no program `\(command)` in PATH. Install it, or give its absolute path.",
      durationMs: Int((Timestamp.monotonicNanoseconds() - began) / 1_000_000))
  }

  static func carry(_ run: RunContext) async throws -> RunEnding {
    var turn = try CommandTurn.takenOver(of: run) ?? CommandTurn.next(of: run)
    var ending = RunEnding.completed(.exit)
    while let current = turn {
      ending = try await current.carry()
      guard case .completed = ending else { return ending }
      turn = try CommandTurn.next(of: run)
    }
    return ending
  }

  static func cleanUp(_ run: RunContext) {
    for number in 1...max(1, run.record.driver["turn"]?.intValue ?? 1) {
      HeldProgram.remove(CommandTurn.id(run, number), supervision: run.services.supervision)
    }
  }
}
