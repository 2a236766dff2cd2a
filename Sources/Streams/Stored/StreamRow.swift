import GRDB
import Storage

/// What the table `streams` knows of a stream.
///
/// Events are numbered from 1 without holes and removed from the front only, so that the numbers of the first and the
/// next one tell how many there are. The next number stays when all events are gone: a cursor never means two events.
struct StreamRow {
  let id: Int64
  let name: String
  /// The number that the next event gets.
  var next: UInt64
  /// The number of the first event that is kept; `next` where none is.
  var first: UInt64
  /// How much the events take, by ``StoredEvent/bytes(type:payload:)``.
  var bytes: Int
  /// When the stream was made, in milliseconds since 1970.
  let created: Int64
  /// When it was closed, likewise; nil while it is open.
  var closed: Int64?

  var last: UInt64 { next - 1 }
  var events: Int { Int(next - first) }

  static let migrations = [
    Migration("streams.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE streams (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            next INTEGER NOT NULL,
            first INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            created INTEGER NOT NULL,
            closed INTEGER
          );
          CREATE TABLE stream_events (
            key INTEGER PRIMARY KEY,
            time INTEGER NOT NULL,
            type TEXT NOT NULL,
            payload TEXT NOT NULL
          );
          """)
    },
    Migration("streams.note") { db in try db.execute(sql: "ALTER TABLE streams ADD COLUMN note TEXT") },
  ]

  static let columns = "id, name, next, first, bytes, created, closed"

  init(_ row: Row) {
    id = row[0]
    name = row[1]
    next = UInt64(bitPattern: row[2] as Int64)
    first = UInt64(bitPattern: row[3] as Int64)
    bytes = row[4]
    created = row[5]
    closed = row[6]
  }

  static func find(_ name: String, in db: GRDB.Database) throws -> StreamRow? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM streams WHERE name = ?")
    return try Row.fetchOne(statement, arguments: [name]).map { StreamRow($0) }
  }

  static func find(id: Int64, in db: GRDB.Database) throws -> StreamRow? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM streams WHERE id = ?")
    return try Row.fetchOne(statement, arguments: [id]).map { StreamRow($0) }
  }

  /// The stream of that name, made where it is missing.
  static func findOrInsert(_ name: String, now: Int64, in db: GRDB.Database) throws -> StreamRow {
    if let row = try find(name, in: db) { return row }
    let statement = try db.cachedStatement(
      sql: "INSERT INTO streams (name, next, first, bytes, created) VALUES (?, 1, 1, 0, ?) RETURNING \(columns)")
    guard let row = try Row.fetchOne(statement, arguments: [name, now]) else {
      throw DatabaseError(message: "the stream \(name) was not inserted")
    }
    return StreamRow(row)
  }

  /// Makes room behind a stream's last event. Nil where there is no such stream, or none that is open.
  ///
  /// - Parameters:
  ///   - bytes: How much the events take.
  ///   - note: What its owner keeps with it; nil for what is there.
  /// - Returns: The row as it is then.
  static func advance(
    _ name: String, events: Int, bytes: Int, note: String?, in db: GRDB.Database
  ) throws -> StreamRow? {
    let statement = try db.cachedStatement(
      sql: """
        UPDATE streams SET next = next + ?, bytes = bytes + ?, note = COALESCE(?, note)
        WHERE name = ? AND closed IS NULL RETURNING \(columns)
        """)
    // Read where it is, without a copy of the row, for as long as the cursor is there.
    let rows = try Row.fetchCursor(statement, arguments: [events, bytes, note, name])
    return try withExtendedLifetime(rows) { try rows.next().map { StreamRow($0) } }
  }

  /// Writes what can change.
  func update(in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(
      sql: "UPDATE streams SET next = ?, first = ?, bytes = ?, closed = ? WHERE id = ?")
    try statement.execute(arguments: [Int64(next), Int64(first), bytes, closed, id])
  }

  func delete(in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(sql: "DELETE FROM streams WHERE id = ?")
    try statement.execute(arguments: [id])
  }
}
