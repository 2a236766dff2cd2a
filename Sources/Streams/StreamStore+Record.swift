package import GRDB
package import JSON
import Storage

/// What domains do to streams inside their own transactions, so that an entity and the event about it are one.
extension StreamStore {
  /// Appends an event; followers see it when the transaction is committed, and never when it is rolled back.
  ///
  /// - Throws: `stream_closed`; GRDB's errors, which the transaction's owner lets pass.
  package func record(
    _ stream: String, type: String, payload: some JSONEncodable, in db: GRDB.Database
  ) throws {
    try record(stream, [NewJournalEvent(type: type, payload: payload)], in: db)
  }

  /// Appends several events, in order.
  ///
  /// - Parameter note: What the stream's owner keeps with its end: how far it has come, for example. Nil for what is
  ///   there.
  package func record(
    _ stream: String, _ events: [NewJournalEvent], note: String? = nil, in db: GRDB.Database
  ) throws {
    try inTransaction(db) {
      // Asked for before anything is written, so that the row cannot be committed unannounced.
      live.publishAfterTransaction(stream, in: db)
      let bytes = events.reduce(0) { $0 + StoredEvent.bytes(type: $1.type.utf8.count, payload: $1.payload.count) }
      let time = now()
      func advance() throws -> StreamRow? {
        try StreamRow.advance(stream, events: events.count, bytes: bytes, note: note, in: db)
      }
      var row = try advance()
      if row == nil {
        // There is none of that name, or it is closed.
        guard try StreamRow.findOrInsert(stream, now: time, in: db).closed == nil else { throw Self.closed(stream) }
        row = try advance()
      }
      guard let row else { return }
      for (number, event) in zip((row.next - UInt64(events.count))..., events) {
        try StoredEvent.insert(event, stream: row.id, number: number, time: time, in: db)
      }
    }
  }

  /// How many events a stream has ever had, and what its owner keeps with it; nil where there is none.
  package static func end(of stream: String, in db: GRDB.Database) throws -> (last: Int, note: String?)? {
    let statement = try db.cachedStatement(sql: "SELECT next, note FROM streams WHERE name = ?")
    return try Row.fetchOne(statement, arguments: [stream]).map { (($0[0] as Int) - 1, $0[1]) }
  }

  /// Closes a stream: followers get what is left, and then its end. Closing it again changes nothing.
  package func close(_ stream: String, in db: GRDB.Database) throws {
    try inTransaction(db) {
      live.publishAfterTransaction(stream, in: db)
      var row = try StreamRow.findOrInsert(stream, now: now(), in: db)
      guard row.closed == nil else { return }
      row.closed = now()
      try row.update(in: db)
    }
  }

  /// Removes a stream with its events; nothing happens where there is none.
  package func remove(_ stream: String, in db: GRDB.Database) throws {
    guard let row = try StreamRow.find(stream, in: db) else { return }
    live.publishAfterTransaction(stream, in: db)
    if row.events > 0 { try StoredEvent.delete(of: row.id, row.first...row.last, in: db) }
    try row.delete(in: db)
  }

  private func inTransaction(_ db: GRDB.Database, _ body: () throws -> Void) throws {
    guard !db.isInsideTransaction else { return try body() }
    try db.inTransaction(.immediate) {
      try body()
      return .commit
    }
  }
}
