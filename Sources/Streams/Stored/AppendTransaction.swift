import BerthProtocol
import GRDB
import JSON
import Storage

/// Appends the events of several calls within one transaction.
///
/// The numbers of the events come from the rows of their streams and go back there, so that what is rolled back has
/// never been.
struct AppendTransaction {
  private let db: GRDB.Database
  private let now: Int64
  /// The rows of the streams that were touched, not yet written back.
  private(set) var rows: [String: StreamRow] = [:]

  init(_ db: GRDB.Database, now: Int64) {
    self.db = db
    self.now = now
  }

  /// - Throws: `ProtocolError` where the call is refused; nothing of it was written then. Any other error means that
  ///   the whole transaction must be rolled back.
  mutating func append(_ request: AppendRequest) throws -> AppendResult {
    if let call = request.idempotency, let result = try Idempotency.result(of: call, in: db) {
      return try Decoding.decode(AppendResult.self, from: result)
    }
    var row = try rows[request.stream] ?? StreamRow.findOrInsert(request.stream, now: now, in: db)
    if row.closed != nil { throw StreamStore.closed(request.stream) }
    for event in request.events {
      try StoredEvent.insert(event, stream: row.id, number: row.next, time: now, in: db)
      row.next += 1
      row.bytes += StoredEvent.bytes(type: event.type.utf8.count, payload: event.payload.count)
    }
    if request.close { row.closed = now }
    rows[request.stream] = row
    let last = row.last == 0 ? nil : StreamPosition(high: UInt64(row.id), low: row.last).cursor
    let result = AppendResult(stream: request.stream, appended: request.events.count, last: last)
    if let call = request.idempotency { try Idempotency.record(result, of: call, in: db) }
    return result
  }

  /// Writes the streams' rows.
  func finish() throws {
    for row in rows.values { try row.update(in: db) }
  }
}
