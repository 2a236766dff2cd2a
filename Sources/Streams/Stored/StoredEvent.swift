import GRDB
import GRDBSQLite

/// A row of the table `stream_events`, valid while it is being looked at.
///
/// The row's key is the stream's id above the event's number, so that a stream's events lie side by side in one tree
/// and are found by one comparison. Statements are stepped by SQLite's own functions: at a hundred thousand events a
/// second, GRDB's boxing of every value would be most of the work.
struct StoredEvent {
  let number: UInt64
  /// Milliseconds since 1970.
  let time: Int64
  let type: UnsafeRawBufferPointer
  let payload: UnsafeRawBufferPointer

  /// What an event counts for in its stream's size.
  var bytes: Int { Self.bytes(type: type.count, payload: payload.count) }

  /// The text, and what SQLite needs beside it.
  static func bytes(type: Int, payload: Int) -> Int { type + payload + 16 }

  private static let numberBits: Int64 = 40
  private static let numberMask: Int64 = (1 << numberBits) - 1

  static func key(_ stream: Int64, _ number: UInt64) -> Int64 { stream << numberBits | Int64(number) }

  /// Shows the events of those numbers to `body`, in order, until it returns false.
  static func forEach(
    of stream: Int64, _ numbers: ClosedRange<UInt64>, in db: GRDB.Database, _ body: (StoredEvent) throws -> Bool
  ) throws {
    let statement = try db.cachedStatement(
      sql: "SELECT key, time, type, payload FROM stream_events WHERE key BETWEEN ? AND ? ORDER BY key")
    let handle = statement.sqliteStatement
    defer { sqlite3_reset(handle) }
    sqlite3_bind_int64(handle, 1, key(stream, numbers.lowerBound))
    sqlite3_bind_int64(handle, 2, key(stream, numbers.upperBound))
    while true {
      switch sqlite3_step(handle) {
      case SQLITE_ROW:
        let event = StoredEvent(
          number: UInt64(sqlite3_column_int64(handle, 0) & numberMask), time: sqlite3_column_int64(handle, 1),
          type: column(handle, 2), payload: column(handle, 3))
        guard try body(event) else { return }
      case SQLITE_DONE: return
      case let code: throw failure(code, in: db)
      }
    }
  }

  /// The text as it lies in SQLite's memory.
  private static func column(_ handle: OpaquePointer, _ index: Int32) -> UnsafeRawBufferPointer {
    // The pointer comes before the count, as SQLite asks for it.
    let start = sqlite3_column_blob(handle, index)
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index)))
  }

  static func insert(
    _ event: NewJournalEvent, stream: Int64, number: UInt64, time: Int64, in db: GRDB.Database
  ) throws {
    let statement = try db.cachedStatement(sql: "INSERT INTO stream_events VALUES (?, ?, ?, ?)")
    let handle = statement.sqliteStatement
    defer {
      sqlite3_reset(handle)
      // The texts are bound without a copy and end with this call.
      sqlite3_clear_bindings(handle)
    }
    var type = event.type
    let code = type.withUTF8 { type in
      event.payload.withUnsafeBytes { payload in
        sqlite3_bind_int64(handle, 1, key(stream, number))
        sqlite3_bind_int64(handle, 2, time)
        sqlite3_bind_text(
          handle, 3, UnsafeRawPointer(type.baseAddress)?.assumingMemoryBound(to: CChar.self),
          Int32(type.count), nil)
        sqlite3_bind_text(
          handle, 4, payload.baseAddress?.assumingMemoryBound(to: CChar.self),
          Int32(payload.count), nil)
        return sqlite3_step(handle)
      }
    }
    guard code == SQLITE_DONE else { throw failure(code, in: db) }
  }

  /// Deletes the events of those numbers.
  static func delete(of stream: Int64, _ numbers: ClosedRange<UInt64>, in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(sql: "DELETE FROM stream_events WHERE key BETWEEN ? AND ?")
    try statement.execute(arguments: [key(stream, numbers.lowerBound), key(stream, numbers.upperBound)])
  }

  private static func failure(_ code: Int32, in db: GRDB.Database) -> DatabaseError {
    DatabaseError(resultCode: ResultCode(rawValue: code), message: db.lastErrorMessage)
  }
}
