package import BerthProtocol
package import GRDB
package import JSON
import Platform

/// What was answered to calls that carried an idempotency key, so that a repetition gets the same answer.
///
/// Both functions are called in the transaction of the call itself: the key is remembered exactly when the work is.
package enum Idempotency {
  /// How long a key is remembered.
  package static let keepSeconds = 7 * 86_400

  static let migrations = [
    Migration("idempotency.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE idempotency (
            scope TEXT NOT NULL,
            key TEXT NOT NULL,
            digest TEXT NOT NULL,
            result TEXT NOT NULL,
            created INTEGER NOT NULL,
            PRIMARY KEY (scope, key)
          ) WITHOUT ROWID
          """)
      try db.execute(sql: "CREATE INDEX idempotency_created ON idempotency (created)")
    }
  ]

  /// The result of the first call with this key; nil where this is the first.
  ///
  /// - Parameters:
  ///   - scope: What the key is unique in: the method's name, with the entity's id where there is one.
  ///   - params: All parameters of the call.
  /// - Throws: `idempotency_conflict` where the first call had other parameters.
  package static func result(
    scope: String, key: String, params: some JSONEncodable, in db: GRDB.Database
  ) throws -> JSONValue? {
    let statement = try db.cachedStatement(sql: "SELECT digest, result FROM idempotency WHERE scope = ? AND key = ?")
    guard let row = try Row.fetchOne(statement, arguments: [scope, key]) else { return nil }
    guard row[0] == ParamsDigest.text(of: params.jsonValue()) else {
      throw ProtocolError(
        .idempotencyConflict,
        "The idempotency key \(key) was used before with other parameters. Use a new key for a new call.")
    }
    let text: String = row[1]
    return try JSONParser.parse(text)
  }

  /// Remembers the result of the first call with this key.
  package static func record(
    scope: String, key: String, params: some JSONEncodable, result: some JSONEncodable, in db: GRDB.Database
  ) throws {
    let statement = try db.cachedStatement(sql: "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)")
    try statement.execute(arguments: [
      scope, key, ParamsDigest.text(of: params.jsonValue()), result.jsonString, secondsNow(),
    ])
  }

  /// Forgets keys that are older than ``keepSeconds``.
  package static func prune(in db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM idempotency WHERE created < ?", arguments: [secondsNow() - keepSeconds])
  }

  private static func secondsNow() -> Int { Int(Timestamp.nanosecondsNow() / 1_000_000_000) }
}
