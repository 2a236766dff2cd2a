import BerthProtocol
import Foundation
import GRDB
import JSON
package import Storage
import Streams

extension AgentService {
  package static let migrations = [
    Migration("agents.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE agent_sessions (
            id TEXT PRIMARY KEY NOT NULL,
            agent TEXT NOT NULL,
            workspace TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            session TEXT NOT NULL,
            driver TEXT NOT NULL
          ) WITHOUT ROWID;
          CREATE INDEX agent_sessions_updated ON agent_sessions (updated_at, id);
          CREATE TABLE agent_runs (
            id TEXT PRIMARY KEY NOT NULL,
            session TEXT NOT NULL,
            workspace TEXT NOT NULL,
            state TEXT NOT NULL,
            run TEXT NOT NULL,
            turns TEXT NOT NULL,
            options TEXT NOT NULL,
            cancelled INTEGER NOT NULL
          );
          CREATE INDEX agent_runs_session ON agent_runs (session, id);
          CREATE INDEX agent_runs_workspace ON agent_runs (workspace, id);
          CREATE INDEX agent_runs_state ON agent_runs (state, id);
          CREATE TABLE agent_permissions (
            id TEXT PRIMARY KEY NOT NULL,
            run TEXT NOT NULL,
            state TEXT NOT NULL,
            permission TEXT NOT NULL
          ) WITHOUT ROWID;
          CREATE INDEX agent_permissions_run ON agent_permissions (run, state);
          CREATE TABLE agent_messages (
            session TEXT NOT NULL,
            number INTEGER NOT NULL,
            message TEXT NOT NULL,
            PRIMARY KEY (session, number)
          ) WITHOUT ROWID;
          CREATE TABLE agent_secrets (
            agent TEXT PRIMARY KEY NOT NULL,
            secrets BLOB NOT NULL
          ) WITHOUT ROWID;
          """)
    }
  ]
}

extension RunRecord {
  static let columns = "run, turns, options, cancelled"

  /// - Parameter row: Of ``columns``. What changes with every event is kept with the run's stream.
  init(_ row: Row, in db: GRDB.Database) throws {
    self.init(
      run: try Decoding.decode(AgentRun.self, from: JSONParser.parse(row["run"] as String)),
      turns: try Decoding.decode([Turn].self, from: JSONParser.parse(row["turns"] as String)),
      options: try Decoding.decode(StartOptions.self, from: JSONParser.parse(row["options"] as String)),
      isCancelled: row["cancelled"])
    if let (last, note) = try StreamStore.end(of: run.stream, in: db) {
      lastSeq = last
      if let note { driver = try JSONParser.parse(note).objectValue ?? [:] }
    }
  }

  static func find(_ id: String, in db: GRDB.Database) throws -> RunRecord? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM agent_runs WHERE id = ?")
    return try Row.fetchOne(statement, arguments: [id]).map { try RunRecord($0, in: db) }
  }

  func insert(in db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT INTO agent_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)").execute(
      arguments: [
        run.id, run.session, run.workspace, run.state.rawValue, run.jsonString, turns.jsonString, options.jsonString,
        isCancelled,
      ])
  }

  /// Writes what has changed, but for what is kept with the run's stream.
  func update(from before: RunRecord, in db: GRDB.Database) throws {
    var sets: [String] = []
    var values: [(any DatabaseValueConvertible)?] = []
    func set(_ column: String, _ value: some DatabaseValueConvertible) {
      sets.append("\(column) = ?")
      values.append(value)
    }
    if $run != before.$run {
      set("run", run.jsonString)
      set("state", run.state.rawValue)
    }
    if turns != before.turns { set("turns", turns.jsonString) }
    if isCancelled != before.isCancelled { set("cancelled", isCancelled) }
    guard !sets.isEmpty else { return }
    let statement = try db.cachedStatement(sql: "UPDATE agent_runs SET \(sets.joined(separator: ", ")) WHERE id = ?")
    try statement.execute(arguments: StatementArguments(values + [run.id]))
  }
}

extension SessionRecord {
  static let columns = "session, driver"

  init(_ row: Row) throws {
    self.init(
      session: try Decoding.decode(AgentSession.self, from: JSONParser.parse(row["session"] as String)),
      driver: try JSONParser.parse(row["driver"] as String).objectValue ?? [:])
  }

  static func find(_ id: String, in db: GRDB.Database) throws -> SessionRecord? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM agent_sessions WHERE id = ?")
    return try Row.fetchOne(statement, arguments: [id]).map { try SessionRecord($0) }
  }

  func insert(in db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT INTO agent_sessions VALUES (?, ?, ?, ?, ?, ?)").execute(
      arguments: [
        session.id, session.agent, session.workspace, session.updatedAt, session.jsonString, driver.jsonString,
      ])
  }

  /// Writes what has changed.
  func update(from before: SessionRecord, in db: GRDB.Database) throws {
    if $session != before.$session {
      let statement = try db.cachedStatement(
        sql: "UPDATE agent_sessions SET session = ?, updated_at = ? WHERE id = ?")
      try statement.execute(arguments: [session.jsonString, session.updatedAt, session.id])
    }
    if driver != before.driver {
      let statement = try db.cachedStatement(sql: "UPDATE agent_sessions SET driver = ? WHERE id = ?")
      try statement.execute(arguments: [driver.jsonString, session.id])
    }
  }
}
