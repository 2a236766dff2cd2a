import BerthProtocol

/// Programs that speak the Agent Client Protocol, version 1, on their standard input and output. A session has one
/// program, which is kept between its runs and found again by the next server.
enum ACPDriver: AgentDriver {
  static let outlivesServer = true

  static func fault(of agent: ResolvedAgent) -> String? {
    guard let command = agent.config.command, !command.isEmpty else { return "It needs a `command`." }
    guard !([command] + (agent.config.args ?? [])).contains(where: { $0.utf8.contains(0) }) else {
      return "Its arguments must not hold NUL bytes."
    }
    return nil
  }

  /// What an agent takes it tells when it is started.
  static func fault(of prompt: [ContentBlock], for agent: ResolvedAgent) -> String? { nil }

  static func canSteer(_ agent: ResolvedAgent) -> Bool { true }

  static func probe(
    _ agent: ResolvedAgent, _ services: AgentServices, timeoutSeconds: Double
  ) async -> AgentProbeResult {
    await ACPProbe(agent, services).result(timeoutSeconds: timeoutSeconds)
  }

  static func carry(_ run: RunContext) async throws -> RunEnding {
    let session = run.record.run.session
    await ACPPrograms.beginUse(session)
    defer { ACPPrograms.endUse(session) }
    return try await ACPRun(run).carry()
  }

  static func close(session: String, _ services: AgentServices) async {
    await ACPPrograms.close(session, services)
  }
}
