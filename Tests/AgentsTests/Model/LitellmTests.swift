import BerthProtocol
import Foundation
import Platform
import TestSupport
import Testing

@testable import Agents

/// The program that the tests start.
private enum Litellm {
  static let program =
    (ProcessEnvironment.current.first { $0.name == "BERTH_TEST_AGENTS" }?.value ?? "") + "/bin/litellm"
  static let isInstalled = access(program, X_OK) == 0
}

/// litellm's proxy, as `.ci/install-agents` puts it into the folder that `BERTH_TEST_AGENTS` names.
@Suite(
  .timeLimit(.minutes(3)),
  .enabled(if: Litellm.isInstalled, "litellm is not installed"))
struct LitellmTests {
  private static let models = """
    model_list:
      - model_name: mock
        litellm_params: {model: openai/gpt-4o, api_key: x, mock_response: "Grüße from the proxy 😀."}
      - model_name: limited
        litellm_params: {model: openai/gpt-4o, api_key: x, mock_response: "litellm.RateLimitError"}
    """

  private func withProxy(_ fixture: ModelFixture, _ body: (String) async throws -> Void) async throws {
    try fixture.home.folder.write("c.yaml", Self.models)
    let port = try ListeningSocket().port
    let log = try OwnedDescriptor.appending(to: fixture.home.folder.path + "/litellm.log")
    let environment =
      ProcessEnvironment.current.map { "\($0.name)=\($0.value)" } + [
        "LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true",
      ]
    let process = try ChildProcess(
      Litellm.program,
      ["--config", fixture.home.folder.path + "/c.yaml", "--host", "127.0.0.1", "--port", String(port)],
      environment: environment, input: .null(), output: log, error: log, newSession: true)
    defer {
      process.send(SIGKILL)
      process.wait()
    }
    try await withDeadline(seconds: 150, "litellm's beginning") {
      while (try? connectLocally(port)) == nil { try await Task.sleep(for: .milliseconds(50)) }
    }
    try await body("http://127.0.0.1:\(port)/v1")
  }

  @Test func `a real proxy answers, refuses, and tells its models`() async throws {
    let fixture = try await ModelFixture()
    try await withProxy(fixture) { url in
      let run = try fixture.run {
        $0.baseUrl = url
        $0.model = "mock"
      }
      #expect(try await fixture.carry(run).stopReason == .endTurn)
      let events = try fixture.home.events(run)
      #expect(events.messages == ["Grüße from the proxy 😀."] && events.of("message.delta").count > 1)
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
}
