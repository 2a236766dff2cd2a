import BerthProtocol
import JSON
import TestSupport
import Testing

@testable import Agents

@Suite(.timeLimit(.minutes(2))) struct ModelProbeTests {
  private static let list: [ScriptedProvider.Part] = [
    .status(200, ["content-type": "application/json"]),
    .text("{\"object\":\"list\",\"data\":[{\"id\":\"test-model\"},{\"id\":\"other\"}]}"),
  ]

  private func probe(_ fixture: ModelFixture, _ agent: ResolvedAgent, seconds: Double = 10) async -> AgentProbeResult {
    await ModelDriver.probe(agent, fixture.home.services, timeoutSeconds: seconds)
  }

  @Test func `the models of the provider are told`() async throws {
    let fixture = try await ModelFixture(Self.list, Self.list)
    let good = await probe(fixture, fixture.agent())
    #expect(good.ok && good.models == ["test-model", "other"] && good.durationMs >= 0, "\(good)")
    #expect(fixture.provider.requests.first?.uri == "/v1/models")
    let wrong = await probe(fixture, fixture.agent { $0.model = "tset-model" })
    #expect(!wrong.ok && wrong.message.contains("`test-model`"), "\(wrong)")
  }

  @Test func `a key that is missing or wrong is told`() async throws {
    let refusal = ScriptedProvider.Part.error(401, "no key \(ModelFixture.key)")
    let fixture = try await ModelFixture(refusal, refusal)
    let missing = await probe(fixture, fixture.agent(key: nil))
    #expect(!missing.ok && missing.message.contains("It wants a key"), "\(missing)")
    let wrong = await probe(fixture, fixture.agent())
    #expect(!wrong.ok && wrong.message.contains("is not taken") && !wrong.message.contains(ModelFixture.key))
  }

  @Test func `a provider that is not there, silent or something else is told`() async throws {
    let fixture = try await ModelFixture([.silence], [.text("<html>")])
    let silent = await probe(fixture, fixture.agent(), seconds: 0.5)
    #expect(!silent.ok && silent.durationMs >= 400 && silent.durationMs < 20_000, "\(silent)")
    let page = await probe(fixture, fixture.agent())
    #expect(!page.ok && page.message.contains("no list of models"), "\(page)")
    let port = try ListeningSocket().port
    let gone = await probe(fixture, fixture.agent { $0.baseUrl = "http://127.0.0.1:\(port)/v1" })
    #expect(!gone.ok && gone.message.contains("could not be reached"), "\(gone)")
    let none = await probe(fixture, fixture.agent { $0.baseUrl = nil })
    #expect(!none.ok && none.message.contains("baseUrl"), "\(none)")
  }

  @Test func `every preset can be declared`() throws {
    let names = AgentPresets.all.map(\.name)
    #expect(Set(names).count == names.count && names == names.sorted() && names.count >= 25)
    for preset in AgentPresets.all {
      let config = try #require(AgentPresets.config(preset.name))
      #expect(config.kind == preset.kind && !preset.hint.isEmpty)
      switch preset.kind {
      case .model: #expect(ModelEndpoint.fault(of: preset.baseUrl) == nil && preset.available, "\(preset.name)")
      case .acp, .command: #expect(preset.command.map { [config.command ?? ""] + (config.args ?? []) == $0 } == true)
      }
    }
    #expect(AgentPresets.config("no-such") == nil)
  }
}
