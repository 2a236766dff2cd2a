import BerthProtocol

enum CommandDriver: AgentDriver {
  static let outlivesServer = true
  static func fault(of agent: ResolvedAgent) -> String? { nil }
  static func fault(of prompt: [ContentBlock], for agent: ResolvedAgent) -> String? { nil }
  static func canSteer(_ agent: ResolvedAgent) -> Bool { true }
  static func probe(
    _ agent: ResolvedAgent, _ services: AgentServices, timeoutSeconds: Double
  ) async -> AgentProbeResult {
    AgentProbeResult(agent: agent.name, ok: false, message: "", durationMs: 0)
  }
  static func carry(_ run: RunContext) async throws -> RunEnding { .interrupted("") }
}
