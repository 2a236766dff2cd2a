import GRDB
import JSON

/// The conversations of models, as they are sent to them.
enum AgentMessages {
  /// - Returns: The session's messages, in order.
  static func all(of session: String, in db: GRDB.Database) throws -> [JSONValue] {
    let statement = try db.cachedStatement(
      sql: "SELECT message FROM agent_messages WHERE session = ? ORDER BY number")
    return try String.fetchAll(statement, arguments: [session]).map { try JSONParser.parse($0) }
  }

  static func append(_ messages: [JSONValue], to session: String, in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO agent_messages
        SELECT :session, COALESCE(MAX(number), 0) + 1, :message FROM agent_messages WHERE session = :session
        """)
    for message in messages { try statement.execute(arguments: ["session": session, "message": message.jsonString]) }
  }
}
