import Agents
import BerthProtocol
import JSON
import JSONRPC
import Streams

extension MethodRegistry {
  mutating func addAgents(_ domains: Domains) {
    let agents = domains.agents
    register(AgentList.self) { _, _ in agents.catalog() }
    register(AgentGet.self) { params, _ in try agents.get(params) }
    register(AgentProbe.self) { params, _ in try await agents.probe(params) }
    register(AgentConfigure.self) { params, _ in try agents.configure(params) }
    register(AgentSessionList.self) { params, _ in try agents.list(params) }
    register(AgentSessionGet.self) { params, _ in try agents.get(params) }
    registerAnswer(AgentSessionHistory.self) { params, call in
      try await call.answer(isLarge: true) { try agents.history(params) }
    }
    register(AgentSessionDelete.self) { params, _ in try await agents.delete(params) }
    registerAnswer(AgentRunStart.self) { params, call in
      var started = try agents.start(params)
      guard params.attach else { return started }
      let follower = try domains.streams.follow(StreamAttach.Params(stream: started.run.stream))
      return try call.attach(follower, isFinite: false, domains) { attachment in
        started.attachment = attachment.attachment
        return started
      }
    }
    register(AgentRunGet.self) { params, _ in try await agents.get(params) }
    register(AgentRunList.self) { params, _ in try agents.list(params) }
    register(AgentRunCancel.self) { params, _ in try await agents.cancel(params) }
    register(AgentRunSend.self) { params, _ in try agents.send(params) }
    register(AgentRunRespondPermission.self) { params, _ in try agents.respond(params) }
  }
}
