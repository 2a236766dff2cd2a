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
  package func record(_ stream: String, _ events: [NewJournalEvent], in db: GRDB.Database) throws {
    try change(stream, in: db) { row in
      if row.closed != nil { throw Self.closed(stream) }
      let time = now()
      for event in events {
        try StoredEvent.insert(event, stream: row.id, number: row.next, time: time, in: db)
        row.next += 1
        row.bytes += StoredEvent.bytes(type: event.type.utf8.count, payload: event.payload.count)
      }
    }
  }

  /// Closes a stream: followers get what is left, and then its end. Closing it again changes nothing.
  package func close(_ stream: String, in db: GRDB.Database) throws {
    try change(stream, in: db) { row in
      if row.closed == nil { row.closed = now() }
    }
  }

  /// Removes a stream with its events; nothing happens where there is none.
  package func remove(_ stream: String, in db: GRDB.Database) throws {
    guard let row = try StreamRow.find(stream, in: db) else { return }
    live.publishAfterTransaction(stream, in: db)
    if row.events > 0 { try StoredEvent.delete(of: row.id, row.first...row.last, in: db) }
    try row.delete(in: db)
  }

  private func change(_ stream: String, in db: GRDB.Database, _ body: (inout StreamRow) throws -> Void) throws {
    guard db.isInsideTransaction else {
      return try db.inTransaction(.immediate) {
        try change(stream, in: db, body)
        return .commit
      }
    }
    // Asked for before anything is written, so that the row cannot be committed unannounced.
    live.publishAfterTransaction(stream, in: db)
    var row = try StreamRow.findOrInsert(stream, now: now(), in: db)
    try body(&row)
    try row.update(in: db)
  }
}
