import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Streams

/// What the services of provisioning keep things in, and tell changes with.
struct ProvisioningStore: Sendable {
  let database: Storage.Database
  let streams: StreamStore

  func read<T>(_ body: (GRDB.Database) throws -> T) throws -> T { try database.read(body) }
  func write<T>(_ body: (GRDB.Database) throws -> T) throws -> T { try database.write(body) }

  /// Tells of a change, in the transaction that makes it.
  func tell(_ type: String, _ payload: some JSONEncodable, in db: GRDB.Database) throws {
    try streams.record("events", type: type, payload: payload, in: db)
  }

  /// Makes something once for an idempotency key.
  ///
  /// - Parameter make: Makes it, in the transaction that remembers the key; returns its id.
  /// - Returns: The id, and whether this call made it.
  func once(
    _ method: String, _ key: String?, _ params: some JSONEncodable, make: (GRDB.Database) throws -> String
  ) throws -> (id: String, created: Bool) {
    try write { db in
      let call = key.map { Idempotency.Call(scope: method, key: $0, params: params) }
      if let call, let first = try Idempotency.result(of: call, in: db)?.stringValue { return (first, false) }
      let id = try make(db)
      if let call { try Idempotency.record(id, of: call, in: db) }
      return (id, true)
    }
  }
}

extension JSONDecodable {
  /// Decodes what a column holds.
  init(column text: String) throws {
    self = try Decoding.decode(Self.self, from: JSONParser.parse(text))
  }
}

/// The page of a list that is sorted by name.
struct NamedPage {
  let limit: Int

  /// The condition that leaves out what came before a cursor, which is the id of the last row that was told.
  static func condition(_ table: String) -> String {
    "(\(table).name, \(table).id) > (SELECT name, id FROM \(table) WHERE id = ?)"
  }

  /// - Throws: `invalid_cursor` where the table has no such row.
  static func check(_ cursor: String, of table: String, _ method: String, in db: GRDB.Database) throws {
    guard try Bool.fetchOne(db, sql: "SELECT 1 FROM \(table) WHERE id = ?", arguments: [cursor]) == nil else { return }
    throw ProtocolError(
      .invalidCursor, "The cursor was not made by `\(method)`. Pass the page's `nextCursor`, or none.",
      detail: "cursor \(cursor.prefix(64))")
  }

  /// Cuts what was fetched beyond the page.
  func cut<Row>(_ rows: [Row], id: (Row) -> String) -> (rows: [Row], next: String?) {
    guard rows.count > limit else { return (rows, nil) }
    let rows = Array(rows.prefix(limit))
    return (rows, rows.last.map(id))
  }
}
