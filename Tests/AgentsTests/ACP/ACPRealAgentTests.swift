import BerthProtocol
import Glibc
import JSON
import TestSupport
import Testing

@testable import Agents

/// Agents of the protocol's Python SDK.
@Suite("ACP: real agents", .enabled(if: RealAgents.has("examples/echo_agent.py")))
struct ACPRealAgentTests {
  private func fixture(_ example: String) throws -> RunFixture {
    try RunFixture { _ in
      AgentConfig(
        kind: .acp, command: RealAgents.path("bin/python"), args: [RealAgents.path("examples/\(example)")])
    }
  }

  @Test("the SDK's examples take prompts", arguments: ["echo_agent.py", "agent.py"])
  func examples(example: String) async throws {
    let fixture = try fixture(example)
    for words in ["Hello — “there”", "Again"] {
      let run = try fixture.run([.words(words)])
      #expect(try await run.carryToEnd().stopReason == .endTurn)
      let events = try fixture.events(run.id)
      #expect(events.said.hasSuffix(words), "\(events)")
    }
  }

  @Test("the SDK's examples are probed", arguments: ["echo_agent.py", "agent.py"])
  func probe(example: String) async throws {
    let fixture = try fixture(example)
    let result = await ACPDriver.probe(fixture.agent, fixture.services, timeoutSeconds: 30)
    #expect(result.ok && result.protocolVersion == 1, "\(result)")
  }
}
