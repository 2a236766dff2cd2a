package import BerthProtocol
import GRDB
import JSON
import Storage

/// `stream/read`, `stream/list`, and the counts of `server/status`.
extension StreamStore {
  /// A piece of a stream, with its events encoded.
  ///
  /// - Throws: `stream_not_found`, `invalid_cursor`.
  package func readPage(_ params: StreamRead.Params) throws -> JournalPage {
    let journal = try journal(params.stream)
    let filter = params.types.map { TypeFilter($0) }
    var position = try params.after.map { try journal.position(of: $0) }
    while true {
      let batch = try journal.read(after: position, limitBytes: params.limitBytes, filter: filter)
      // What the filter did not let through makes no page.
      if !batch.isEmpty || batch.caughtUp { return JournalPage(batch) }
      position = batch.position
    }
  }

  /// The same in the protocol's own type, which costs parsing every event.
  package func read(_ params: StreamRead.Params) throws -> StreamPage {
    try Decoding.decode(StreamPage.self, from: readPage(params).jsonValue())
  }

  /// Streams by name: those in the database and those that were entered.
  ///
  /// - Throws: `invalid_cursor`.
  package func list(_ params: StreamList.Params) throws -> StreamInfoPage {
    let prefix = params.prefix ?? ""
    let after = try params.cursor.map { try Self.name(ofListCursor: $0) }
    func isWanted(_ name: String) -> Bool {
      name.utf8.starts(with: prefix.utf8) && (after.map { Self.precedes($0, name) } ?? true)
    }
    var streams = try enteredJournals.filter { isWanted($0.name) }.map { try $0.info() }
    streams += try database.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(StreamRow.columns) FROM streams
          WHERE name > :after AND name >= :prefix AND substr(name, 1, length(:prefix)) = :prefix
          ORDER BY name LIMIT :limit
          """,
        arguments: ["after": after ?? "", "prefix": prefix, "limit": params.limit + 1]
      ).map { StreamInfo(StreamRow($0)) }
    }
    streams.sort { Self.precedes($0.name, $1.name) }
    guard streams.count > params.limit else { return StreamInfoPage(streams: streams) }
    streams.removeLast(streams.count - params.limit)
    return StreamInfoPage(streams: streams, nextCursor: streams.last.map { Self.listCursor($0.name) })
  }

  /// How many streams there are.
  package func count() throws -> Int {
    let stored = try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM streams") }
    return (stored ?? 0) + enteredJournals.count
  }

  /// Removes what retention no longer keeps. The server calls it every few minutes.
  package func enforceRetention() throws {
    try retention.enforce(now: now())
  }

  /// The order of SQLite's `BINARY` collation.
  private static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }

  private static func listCursor(_ name: String) -> String { "n" + name }

  private static func name(ofListCursor cursor: String) throws -> String {
    guard cursor.hasPrefix("n") else {
      throw ProtocolError(
        .invalidCursor, "The cursor was not made by `stream/list`. Pass the page's `nextCursor`, or none.",
        detail: "cursor \(cursor.prefix(64))")
    }
    return String(cursor.dropFirst())
  }
}
