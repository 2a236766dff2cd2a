import BerthProtocol
import GRDB
import JSON
import Storage

extension Permission {
  func save(in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO agent_permissions VALUES (?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET state = excluded.state, permission = excluded.permission
        """)
    try statement.execute(arguments: [id, run, state.rawValue, jsonString])
  }

  static func find(_ id: String, in db: GRDB.Database) throws -> Permission? {
    let statement = try db.cachedStatement(sql: "SELECT permission FROM agent_permissions WHERE id = ?")
    return try String.fetchOne(statement, arguments: [id]).map { try decode($0) }
  }

  /// The questions of a run that are not answered, the oldest first.
  static func open(of run: String, in db: GRDB.Database) throws -> [Permission] {
    let statement = try db.cachedStatement(
      sql: "SELECT permission FROM agent_permissions WHERE run = ? AND state = 'open' ORDER BY id")
    return try String.fetchAll(statement, arguments: [run]).map { try decode($0) }
  }

  private static func decode(_ text: String) throws -> Permission {
    try Decoding.decode(Permission.self, from: JSONParser.parse(text))
  }
}
