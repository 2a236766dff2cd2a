import BerthProtocol
package import GRDB
package import JSON
import Platform

/// What was answered to calls that carried an idempotency key, so that a repetition gets the same answer.
///
/// The functions are called in the transaction of the call itself: the key is remembered exactly when the work is.
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

  /// A call that is to be carried out once.
  package struct Call: Sendable {
    /// What the key is unique in: the method's name, with the entity's id where there is one.
    package let scope: String
    package let key: String
    fileprivate let digest: String

    /// - Parameter params: All parameters of the call.
    package init(scope: String, key: String, params: some JSONEncodable) {
      self.scope = scope
      self.key = key
      digest = ParamsDigest.text(of: params.jsonValue())
    }
  }

  /// The result of the first call with this key; nil where this is the first.
  ///
  /// - Throws: `idempotency_conflict` where the first call had other parameters.
  package static func result(of call: Call, in db: GRDB.Database) throws -> JSONValue? {
    let statement = try db.cachedStatement(sql: "SELECT digest, result FROM idempotency WHERE scope = ? AND key = ?")
    guard let row = try Row.fetchOne(statement, arguments: [call.scope, call.key]) else { return nil }
    guard row[0] == call.digest else {
      throw ProtocolError(
        .idempotencyConflict,
        "The idempotency key \(call.key) was used before with other parameters. Use a new key for a new call.")
    }
    let text: String = row[1]
    return try JSONParser.parse(text)
  }

  /// Remembers the result of the first call with this key.
  package static func record(_ result: some JSONEncodable, of call: Call, in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(sql: "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)")
    try statement.execute(arguments: [call.scope, call.key, call.digest, result.jsonString, secondsNow()])
  }

  /// Forgets one call, where what it did was undone.
  package static func forget(_ call: Call, in db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM idempotency WHERE scope = ? AND key = ?", arguments: [call.scope, call.key])
  }

  /// Forgets keys that are older than ``keepSeconds``.
  package static func prune(in db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM idempotency WHERE created < ?", arguments: [secondsNow() - keepSeconds])
  }

  private static func secondsNow() -> Int { Int(Timestamp.nanosecondsNow() / 1_000_000_000) }
}
