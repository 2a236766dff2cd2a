package import BerthProtocol
import Platform

/// `agent/*`.
extension AgentService {
  package func catalog() -> AgentCatalog {
    AgentCatalog(
      agents: catalogue.names.compactMap { name in (try? catalogue.resolve(name)).map(describe) },
      presets: AgentPresets.all.sorted { $0.name < $1.name }, defaultAgent: catalogue.defaultAgent)
  }

  package func get(_ params: AgentGet.Params) throws -> Agent {
    describe(try catalogue.resolve(params.agent))
  }

  package func configure(_ params: AgentConfigure.Params) throws -> Agent {
    try catalogue.configure(params.agent, params.secrets)
    return describe(try catalogue.resolve(params.agent))
  }

  package func probe(_ params: AgentProbe.Params) async throws -> AgentProbeResult {
    let agent = try catalogue.usable(params.agent)
    return await agent.kind.driver.probe(agent, services, timeoutSeconds: params.timeoutSeconds)
  }

  private func describe(_ agent: ResolvedAgent) -> Agent {
    let counts = withTable { $0.queue.count(agent: agent.name) }
    let command = agent.config.command.map { [$0] + (agent.config.args ?? []) }
    return Agent(
      name: agent.name, kind: agent.kind, title: agent.title, preset: agent.config.preset, command: command,
      baseUrl: agent.config.baseUrl, model: agent.config.model, permissions: agent.config.permissions,
      secrets: agent.secrets.keys.sorted(), fault: catalogue.fault(of: agent), running: counts.running,
      queued: counts.queued)
  }
}
