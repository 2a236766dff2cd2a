import BerthProtocol
import JSON
import Platform
import Storage
import TestSupport
import Testing
import Workspaces

@testable import Agents

/// A workspace and a session for runs of models, each run with a declaration of its own.
final class ModelHome: Sendable {
  private let fixture: RunFixture

  init() throws { fixture = try RunFixture { _ in AgentConfig(kind: .model) } }

  var services: AgentServices { fixture.services }
  var workspace: Workspace { fixture.workspace }
  var folder: TemporaryFolder { fixture.folder }

  // MARK: Files

  func put(_ path: String, _ text: String) throws { try folder.write("demo/\(path)", text) }
  func text(_ path: String) throws -> String? { try folder.read("demo/\(path)") }

  // MARK: Runs

  /// A run that is written down and stands at its beginning.
  func run(
    _ agent: ResolvedAgent, _ prompt: [ContentBlock], permissions: PermissionPolicy = .allow,
    options: [String: String] = [:]
  ) throws -> RunContext {
    let run = try fixture.run([prompt], permissions: permissions, options: options)
    return RunContext(
      run.record, run.session, agent, directory: workspace.path, isTakenOver: false, open: [], services,
      observer: { _, _ in })
  }

  /// Carries a run to its end, which is written down.
  func carry(
    _ run: RunContext, _ body: @escaping @Sendable (RunContext) async throws -> RunEnding
  ) async throws -> RunEnding {
    let task = Task(executorPreference: RunFixture.pool) { try await body(run) }
    let ending = try await task.value(within: 60)
    try run.end(ending)
    return ending
  }

  /// The events of a run so far.
  func events(_ run: RunContext) throws -> [StreamEvent] { try fixture.events(run.id) }

  /// Awaits an event of a run.
  @discardableResult
  func event(
    _ type: String, of run: RunContext, where condition: @escaping @Sendable (JSONValue) -> Bool = { _ in true }
  ) async throws -> JSONValue {
    try await fixture.event(run.id) { $0.type == type && condition($0.payload) }.payload
  }

  /// The conversation as it is written down.
  func messages() throws -> [JSONValue] {
    try services.database.read { [session = fixture.session] in try AgentMessages.all(of: session, in: $0) }
  }
}
