import BerthProtocol
import JSON
import Platform
import Supervisor
import Testing

@testable import Agents

/// A model agent at a scripted provider, in a workspace of its own.
final class ModelFixture: Sendable {
  static let key = "sk-test-0123456789"

  let home: ModelHome
  let provider: ScriptedProvider

  init(_ scripts: [ScriptedProvider.Part]...) async throws {
    home = try ModelHome()
    provider = try await ScriptedProvider(scripts)
  }

  /// Impatient, so that a failing provider is soon given up.
  static let timings = ModelTimings(
    firstDelaySeconds: 0.01, maximumDelaySeconds: 0.05, maximumRetryAfterSeconds: 600, idleSeconds: 20,
    connectSeconds: 5)

  func agent(key: String? = ModelFixture.key, _ change: (inout AgentConfig) -> Void = { _ in }) -> ResolvedAgent {
    var config = AgentConfig(kind: .model)
    config.baseUrl = provider.baseUrl
    config.model = "test-model"
    config.sandbox = .never
    change(&config)
    return ResolvedAgent(
      name: "tested", kind: .model, title: "Tested", config: config, secrets: key.map { ["API_KEY": $0] } ?? [:])
  }

  func run(
    _ prompt: String = "Do it.", permissions: PermissionPolicy = .allow,
    _ change: (inout AgentConfig) -> Void = { _ in }
  ) throws -> RunContext {
    try home.run(agent(change), [ContentBlock(type: .text, text: prompt)], permissions: permissions)
  }

  private func agent(_ change: (inout AgentConfig) -> Void) -> ResolvedAgent { agent(key: Self.key, change) }

  @discardableResult
  func carry(_ run: RunContext, _ timings: ModelTimings = ModelFixture.timings) async throws -> RunEnding {
    try await home.carry(run) { try await ModelDriver.carry($0, timings) }
  }

  /// Begins to carry a run.
  func begin(_ run: RunContext, _ timings: ModelTimings = ModelFixture.timings) -> Task<RunEnding, any Error> {
    Task { try await self.carry(run, timings) }
  }

  /// The messages of a request, without the system prompt.
  func sent(_ request: Int) -> [JSONValue] {
    let messages = provider.requests[request].body["messages"]?.arrayValue ?? []
    return messages.filter { $0["role"] != "system" }
  }

  /// The result that the model was told of a call.
  func result(of call: String) throws -> String? {
    try home.messages().first { $0["tool_call_id"]?.stringValue == call }?["content"]?.stringValue
  }
}
