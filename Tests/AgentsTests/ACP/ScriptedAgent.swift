import BerthProtocol
import JSON
import Platform
import TestSupport

@testable import Agents

/// A run of the scripted agent.
struct ScriptedAgent {
  let fixture: RunFixture

  typealias Step = JSONValue

  static let program = #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    + "/Fixtures/scripted_agent.py"

  /// - Parameter scripts: What the agent does, at its first start and at those behind it.
  init(
    _ scripts: [Step]..., secrets: [String: String] = [:], change: (inout AgentConfig) -> Void = { _ in }
  ) throws {
    let file = "/tmp/berth-script-\(Identifier.make("x"))"
    var config = AgentConfig(
      kind: .acp, command: "python3", args: [Self.program, file + ".json", file + ".record"])
    change(&config)
    fixture = try RunFixture(config, secrets: secrets)
    // Within the test's folder, which is removed behind it.
    let inside = fixture.folder
    try inside.write("script.json", JSONValue.array(scripts.map { .array($0) }).jsonString.replacing(
      "$FOLDER", with: fixture.workspace.path))
    try inside.shell("ln -s \(inside.path)/script.json \(file).json")
    link = file
  }

  private let link: String

  private init(_ fixture: RunFixture, _ link: String) {
    self.fixture = fixture
    self.link = link
  }

  func next() throws -> ScriptedAgent { ScriptedAgent(try fixture.next(), link) }

  /// What the agent was sent.
  func received() throws -> [JSONValue] {
    let bytes = try SmallFile.read(link + ".record") ?? []
    return try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONParser.parse(Array($0)) }
  }

  func received(_ method: String) throws -> [JSONValue] {
    try received().filter { $0["method"]?.stringValue == method }.map { $0["params"] ?? .null }
  }

  func touch(_ name: String) throws { try fixture.folder.write("demo/\(name)", "") }
}

extension [ContentBlock] {
  static func words(_ text: String) -> [ContentBlock] { [ContentBlock(type: .text, text: text)] }
}
