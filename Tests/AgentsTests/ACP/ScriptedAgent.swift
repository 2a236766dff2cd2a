import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport

@testable import Agents

/// A session with the scripted agent.
struct ScriptedAgent {
  let fixture: RunFixture

  typealias Step = JSONValue

  private static let program =
    #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Fixtures/scripted_agent.py"

  /// - Parameters:
  ///   - scripts: What the agent does, at its first start and at those behind it. `$FOLDER` stands for the workspace.
  ///   - change: Makes the declaration of the agent another one.
  init(
    _ scripts: [Step]..., secrets: [String: String] = [:], change: (inout AgentConfig) -> Void = { _ in }
  ) throws {
    fixture = try RunFixture(secrets: secrets) { folder in
      var config = AgentConfig(
        kind: .acp, command: "python3", args: [Self.program, folder + "/script.json", folder + "/record"])
      change(&config)
      return config
    }
    let script = JSONValue.array(scripts.map { .array($0) }).jsonString
    try fixture.folder.write(
      "script.json", script.split(separator: "$FOLDER", omittingEmptySubsequences: false).joined(separator: path("")))
  }

  private init(_ fixture: RunFixture) {
    self.fixture = fixture
  }

  /// The same under the next server.
  func next() throws -> ScriptedAgent { ScriptedAgent(try fixture.next()) }

  /// A path in the workspace.
  func path(_ name: String) -> String { fixture.workspace.path + (name.isEmpty ? "" : "/" + name) }

  func touch(_ name: String) throws { try fixture.folder.write("demo/\(name)", "") }

  func exists(_ name: String) -> Bool { access(path(name), F_OK) == 0 }

  /// What the agent was sent.
  func received() throws -> [JSONValue] {
    let bytes = try SmallFile.read(fixture.folder.path + "/record") ?? []
    return try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONParser.parse(Array($0)) }
  }

  /// The parameters of what it was asked or told by this name.
  func received(_ method: String) throws -> [JSONValue] {
    try received().filter { $0["method"]?.stringValue == method }.map { $0["params"] ?? .null }
  }

  /// How often it was started.
  func starts() throws -> Int { try fixture.folder.read("record.starts")?.count ?? 0 }

  /// Carries a run to its end.
  func run(
    _ prompts: String..., permissions: PermissionPolicy = .ask, mode: String? = nil, options: [String: String] = [:]
  ) async throws -> (ending: RunEnding, events: [StreamEvent]) {
    let context = try fixture.run(
      prompts.map { .words($0) }, permissions: permissions, mode: mode, options: options)
    let ending = try await context.carryToEnd()
    return (ending, try fixture.events(context.id))
  }
}

extension [ContentBlock] {
  static func words(_ text: String) -> [ContentBlock] { [ContentBlock(type: .text, text: text)] }
}

extension RunEnding {
  var stopReason: StopReason? {
    if case .completed(let reason, _) = self { reason } else { nil }
  }

  var failure: RunFailure? {
    if case .failed(let type, _, _) = self { type } else { nil }
  }

  var detail: String {
    if case .failed(_, let detail, _) = self { detail } else { "" }
  }

  var exit: RunExit? {
    switch self {
    case .completed(_, let exit), .failed(_, _, let exit), .cancelled(let exit): exit
    case .interrupted: nil
    }
  }

  var isCancelled: Bool {
    if case .cancelled = self { true } else { false }
  }
}
