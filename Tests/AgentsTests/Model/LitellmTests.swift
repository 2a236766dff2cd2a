import BerthProtocol
import TestSupport
import Testing

@testable import Agents

@Suite(
  .timeLimit(.minutes(3)),
  .enabled(if: LiteLLM.isInstalled, "litellm is not installed"))
struct LitellmTests {
  @Test func `a real proxy answers, refuses, and tells its models`() async throws {
    let fixture = try await ModelFixture()
    let proxy = try LiteLLM()
    let url = proxy.url
    let run = try fixture.run {
      $0.baseUrl = url
      $0.model = "mock"
    }
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    let events = try fixture.home.events(run)
    #expect(events.messages == [LiteLLM.answer] && events.of("message.delta").count > 1)
    #expect(run.record.run.usage.inputTokens > 0 && run.record.run.usage.outputTokens > 0)

    let limited = try fixture.run {
      $0.baseUrl = url
      $0.model = "limited"
    }
    let ending = try await fixture.carry(limited)
    #expect(ending.failure == .rateLimited && ending.detail.contains("mock rate limit error"))
    #expect(try fixture.home.events(limited).of("log").count == 5)

    let unknown = try fixture.run {
      $0.baseUrl = url
      $0.model = "nope"
    }
    let refusal = try await fixture.carry(unknown)
    #expect(refusal.failure == .providerError && refusal.detail.contains("Invalid model name"))

    let probe = await ModelDriver.probe(
      fixture.agent {
        $0.baseUrl = url
        $0.model = "mock"
      }, fixture.home.services, timeoutSeconds: 30)
    #expect(probe.ok && probe.models?.sorted() == ["limited", "mock"], "\(probe)")
  }
}
