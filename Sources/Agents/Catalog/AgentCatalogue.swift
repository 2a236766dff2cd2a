import BerthProtocol
import Foundation
import GRDB
import JSON
import Platform
import Storage
import Synchronization

/// Which agents there are: those that the configuration declares and the presets, with the secrets kept for them.
final class AgentCatalogue: Sendable {
  private let database: Storage.Database
  private let box: SecretBox
  private let config: @Sendable () -> Config
  private let secrets: Mutex<[String: [String: String]]>

  init(database: Storage.Database, box: SecretBox, config: @escaping @Sendable () -> Config) throws {
    self.database = database
    self.box = box
    self.config = config
    secrets = Mutex(try database.read { db in try Self.load(db, box) })
  }

  private static func load(_ db: GRDB.Database, _ box: SecretBox) throws -> [String: [String: String]] {
    var secrets: [String: [String: String]] = [:]
    for row in try Row.fetchAll(db, sql: "SELECT agent, secrets FROM agent_secrets") {
      let name: String = row["agent"]
      let text = try box.open(Array(row["secrets"] as Data), context: "agent \(name)")
      secrets[name] = try Decoding.decode([String: String].self, from: JSONParser.parse(text))
    }
    return secrets
  }

  /// The names of the declared agents, sorted.
  var names: [String] { (config().agents ?? [:]).keys.sorted() }

  /// The agent of runs that name none: the configuration's, else the only one that is declared.
  var defaultAgent: String? { config().runs.defaultAgent ?? (names.count == 1 ? names.first : nil) }

  /// - Throws: `agent_not_found`.
  func resolve(_ name: String) throws(ProtocolError) -> ResolvedAgent {
    guard var declared = config().agents?[name] ?? AgentPresets.config(name) else {
      throw ProtocolError(
        .agentNotFound,
        "There is no agent `\(name)`. Declare it with `config/update` under `agents`; `agent/list` tells which there are."
      )
    }
    var preset = declared.preset
    if preset == nil, config().agents?[name] == nil { preset = name }
    if let base = preset.flatMap({ AgentPresets.config($0) }) {
      declared.kind = declared.kind ?? base.kind
      declared.title = declared.title ?? base.title
      if declared.command == nil {
        declared.command = base.command
        declared.args = declared.args ?? base.args
      }
      declared.baseUrl = declared.baseUrl ?? base.baseUrl
      declared.model = declared.model ?? base.model
      // The default stands for nothing that was said.
      if declared.contextTokens == AgentConfig().contextTokens { declared.contextTokens = base.contextTokens }
    }
    declared.preset = preset
    return ResolvedAgent(
      name: name, kind: declared.kind ?? .command, title: declared.title ?? name, config: declared,
      secrets: secrets.withLock { $0[name] ?? [:] })
  }

  /// An agent that runs may be given.
  ///
  /// - Throws: `agent_not_found`, `agent_invalid`.
  func usable(_ name: String) throws(ProtocolError) -> ResolvedAgent {
    let agent = try resolve(name)
    if let fault = fault(of: agent) {
      throw ProtocolError(.agentInvalid, "The agent `\(name)` can't be used as it is declared: \(fault)", detail: fault)
    }
    return agent
  }

  /// Why an agent can't be used; nil where it can.
  func fault(of agent: ResolvedAgent) -> String? {
    if let preset = agent.config.preset, AgentPresets.config(preset) == nil {
      return "There is no preset `\(preset)`. `agent/list` tells which there are."
    }
    if agent.config.kind == nil { return "It needs a `kind` (`acp`, `command` or `model`), or a `preset`." }
    if let cwd = agent.config.cwd, (try? RelativePath(cwd)) == nil {
      return "Its `cwd` must be a path in the workspace, not `\(cwd)`."
    }
    return agent.kind.driver.fault(of: agent)
  }

  /// Keeps secrets for an agent, by a merge patch.
  ///
  /// - Throws: `agent_not_found`, `invalid_argument`.
  func configure(_ name: String, _ patch: JSONObject) throws {
    _ = try resolve(name)
    var values = secrets.withLock { $0[name] ?? [:] }
    for member in patch.members {
      guard Self.isName(member.key) else {
        throw ProtocolError(
          .invalidArgument, "`\(member.key)` is no name for an environment variable: letters, digits and `_` only.")
      }
      switch member.value {
      case .null: values[member.key] = nil
      case .string(let text) where !text.isEmpty && !text.utf8.contains(0): values[member.key] = text
      default:
        throw ProtocolError(.invalidArgument, "The value of `\(member.key)` must be a text that is not empty, or null.")
      }
    }
    let kept = values
    let sealed = try box.seal(kept.jsonBytes(), context: "agent \(name)")
    try database.write { db in
      try db.execute(
        sql: """
          INSERT INTO agent_secrets VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET secrets = excluded.secrets
          """, arguments: [name, Data(sealed)])
    }
    secrets.withLock { $0[name] = kept }
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(48...57 ~= first), text.utf8.count <= 256 else { return false }
    return text.utf8.allSatisfy { 48...57 ~= $0 || 65...90 ~= $0 || 97...122 ~= $0 || $0 == 95 }
  }
}
