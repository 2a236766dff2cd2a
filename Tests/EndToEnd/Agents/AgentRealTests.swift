import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Agents and an endpoint of others.
@Suite(.serialized)
struct AgentRealTests {
  private static func home(_ example: String) throws -> AgentHome {
    try AgentHome([
      "real": [
        "kind": "acp", "command": .string(RealAgents.path("bin/python")),
        "args": [.string(RealAgents.path("examples/\(example)"))],
      ]
    ])
  }

  @Test(.enabled(if: RealAgents.has("examples/echo_agent.py")))
  func `the echo agent of the protocol's SDK answers, again and again`() throws {
    let home = try Self.home("echo_agent.py")
    let probe = try home.client.request(AgentProbe.self, .init(agent: "real"))
    #expect(probe.ok, "\(probe)")
    let first = try home.start("real", "one two three")
    #expect(try home.end(first.id).message == "one two three")
    let second = try home.start("real", "four", session: first.session)
    #expect(try home.end(second.id).message == "four")
    try home.crash()
    let third = try home.start("real", "five", session: first.session)
    #expect(try home.end(third.id).message == "five")
    #expect(try home.isUnbroken(third.id))
  }

  @Test(.enabled(if: RealAgents.has("examples/agent.py")))
  func `the SDK's example agent works, and is killed with`() throws {
    let home = try Self.home("agent.py")
    let run = try home.start("real", "hello", permissions: .allow)
    let ended = try home.end(run.id)
    #expect(ended.state == .completed, "\(ended)")
    #expect(try home.isUnbroken(run.id))
    #expect(try home.events(run.id, [EventType.message]).count >= 2)
  }

  @Test(.enabled(if: LiteLLM.isInstalled), .timeLimit(.minutes(3)))
  func `a model behind litellm answers in pieces`() throws {
    let proxy = try LiteLLM()
    let home = try AgentHome(["real": ["kind": "model", "baseUrl": .string(proxy.url), "model": "mock"]])
    _ = try home.client.request(AgentConfigure.self, .init(agent: "real", secrets: ["API_KEY": "sk-of-the-test"]))
    let probe = try home.client.request(AgentProbe.self, .init(agent: "real"))
    #expect(probe.ok, "\(probe)")
    #expect(probe.models?.sorted() == ["limited", "mock"])
    let run = try home.start("real")
    let ended = try home.end(run.id)
    #expect(ended.state == .completed, "\(ended)")
    #expect(ended.message == LiteLLM.answer)
    #expect(ended.usage.requests == 1)
    #expect(try home.events(run.id, [EventType.messageDelta]).count > 1)
    let next = try home.start("real", "again", session: run.session)
    #expect(try home.end(next.id).message == LiteLLM.answer)
  }
}
