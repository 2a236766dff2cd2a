import BerthProtocol
import GRDB
import Storage
import Synchronization

/// Removes what is too old or too much, oldest first and a little at a time, so that appends come in between.
final class Retention: Sendable {
  private let database: Storage.Database
  private let live: LiveJournals
  private let config: Mutex<StreamsConfig>
  /// Streams that appends have found to be far beyond their size.
  private let overfull = Mutex<[Int64: Int]>([:])

  /// How many events one transaction removes at most.
  private static let rowsPerStep = 2000
  /// How many streams are looked at in one read.
  private static let streamsPerRead = 500

  init(_ config: StreamsConfig, database: Storage.Database, live: LiveJournals) {
    self.config = Mutex(config)
    self.database = database
    self.live = live
  }

  /// Changes how long events are kept from now on.
  func set(_ config: StreamsConfig) {
    self.config.withLock { $0 = config }
  }

  /// Looks at every stream.
  func enforce(now: Int64) throws {
    let config = config.withLock { $0 }
    var id: Int64 = 0
    while true {
      let streams = try streams(after: id)
      for (row, oldest) in streams {
        let limits = config.limits(for: row.name)
        if let closed = row.closed, closed < now - Int64(limits.closedMaxAgeSeconds) * 1000 {
          try remove(row)
          continue
        }
        let cutoff = now - Int64(limits.maxAgeSeconds) * 1000
        if row.bytes > limits.maxBytes || oldest.map({ $0 < cutoff }) ?? false {
          try trim(row.id, maxBytes: limits.maxBytes, olderThan: cutoff)
        }
      }
      guard let last = streams.last else { return }
      id = last.row.id
    }
  }

  /// Streams in the order of their ids, with the time of their oldest event.
  private func streams(after id: Int64) throws -> [(row: StreamRow, oldest: Int64?)] {
    try database.read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT \(StreamRow.columns), (SELECT time FROM stream_events WHERE key = (id << 40) | first)
          FROM streams WHERE id > ? ORDER BY id LIMIT ?
          """,
        arguments: [id, Self.streamsPerRead])
      var streams: [(row: StreamRow, oldest: Int64?)] = []
      while let row = try rows.next() { streams.append((StreamRow(row), row[7])) }
      return streams
    }
  }

  /// Removes events from the front while they are too old or there are too many.
  private func trim(_ id: Int64, maxBytes: Int, olderThan cutoff: Int64) throws {
    while try trimStep(id, maxBytes: maxBytes, olderThan: cutoff) {}
  }

  /// - Returns: Whether there may be more to remove.
  private func trimStep(_ id: Int64, maxBytes: Int, olderThan cutoff: Int64) throws -> Bool {
    try database.write { db in
      guard var row = try StreamRow.find(id: id, in: db), row.events > 0 else { return false }
      let first = row.first
      try StoredEvent.forEach(of: id, first...row.last, in: db) { event in
        guard row.first - first < Self.rowsPerStep, row.bytes > maxBytes || event.time < cutoff else { return false }
        row.first = event.number + 1
        row.bytes -= event.bytes
        return true
      }
      guard row.first > first else { return false }
      try StoredEvent.delete(of: id, first...row.first - 1, in: db)
      try row.update(in: db)
      return row.first - first == Self.rowsPerStep
    }
  }

  /// Removes a stream: its events a step at a time, then itself.
  private func remove(_ row: StreamRow) throws {
    try trim(row.id, maxBytes: -1, olderThan: .min)
    try database.writeWithoutTransaction { db in
      try row.delete(in: db)
      live.publish([row.name], in: db)
    }
  }

  // MARK: While appending

  /// Looks at streams that have just grown.
  func note(_ rows: some Sequence<StreamRow>) {
    let config = config.withLock { $0 }
    for row in rows {
      let maxBytes = config.limits(for: row.name).maxBytes
      // Removing begins when some have gathered, so that not each append has to.
      let slack = min(max(maxBytes / 16, 64 << 10), 16 << 20)
      if row.bytes > maxBytes + slack { overfull.withLock { $0[row.id] = maxBytes } }
    }
  }

  /// Cuts the streams that were noted. Called by those who append, so that they cannot run ahead of it.
  func trimOverfull() throws {
    let streams = overfull.withLock { overfull in
      guard !overfull.isEmpty else { return [Int64: Int]() }
      defer { overfull = [:] }
      return overfull
    }
    for (id, maxBytes) in streams { try trim(id, maxBytes: maxBytes, olderThan: .min) }
  }
}

extension StreamsConfig {
  struct Limits {
    var maxAgeSeconds: Int
    var maxBytes: Int
    var closedMaxAgeSeconds: Int
  }

  /// What holds for a stream: what is said of its kind, and else what is said of all.
  func limits(for stream: String) -> Limits {
    let kind = kinds?[String(stream.prefix { $0 != "/" })]
    return Limits(
      maxAgeSeconds: kind?.maxAgeSeconds ?? maxAgeSeconds, maxBytes: kind?.maxBytes ?? maxBytes,
      closedMaxAgeSeconds: kind?.closedMaxAgeSeconds ?? closedMaxAgeSeconds)
  }
}
