import BerthProtocol
import GRDB
import Platform
import Storage
import Synchronization

/// A stream whose events are rows of the database.
///
/// Events are handed out up to `last`, the last one that is known to be committed: from the tail in memory where it
/// reaches back far enough, else from the database, a piece at a time. Both hold the same numbered events, so there is
/// no seam to mind between them.
final class StoredJournal: Journal {
  let name: String
  let kind = StreamKind.events
  let signal = ChangeSignal()
  let id: Int64
  private let database: Storage.Database
  private let budget: TailBudget
  private let state = Mutex(State())

  private struct State {
    /// The number of the last event that is committed, as far as is known; it only grows.
    var last: UInt64 = 0
    var isClosed = false
    var isDeleted = false
    /// Counts how often something may have been committed that is not in this state. At the beginning it has happened
    /// once: what is committed after the journal was entered in the store's table is told to it, what was before is
    /// not.
    var losses = 1
    /// How many of these have been made good by reading from the database.
    var refreshed = 0
    var tail = Tail()

    var isStale: Bool { losses > refreshed }

    mutating func advance(to row: StreamRow) {
      last = max(last, row.last)
      if row.closed != nil { isClosed = true }
    }
  }

  /// How many rows are looked at, at most, while a read transaction is open.
  private static let rowsPerRead = 20_000
  /// More than this at once is not encoded for the tail: who follows reads it from the database.
  private static let tailBytesPerCommit = 1 << 20

  init(_ row: StreamRow, database: Storage.Database, budget: TailBudget) {
    name = row.name
    id = row.id
    self.database = database
    self.budget = budget
  }

  // MARK: Reading

  func read(after position: StreamPosition?, limitBytes: Int, filter: TypeFilter?) throws -> JournalBatch {
    try refreshIfStale()
    let number = position?.low ?? 0
    var batch = JournalBatch(position: position)
    let (last, isClosed, chunks) = state.withLock { state in
      if state.isDeleted { batch.end = .deleted }
      return (state.last, state.isClosed, state.tail.chunks(from: number + 1))
    }
    if batch.end != nil { return batch }
    if number < last {
      if let chunks {
        batch.take(chunks, stream: id, from: number + 1, limitBytes: limitBytes, filter: filter)
      } else {
        try database.read { db in
          try fill(&batch, number + 1...last, limitBytes: limitBytes, filter: filter, in: db)
        }
      }
    }
    batch.caughtUp = (batch.position?.low ?? 0) >= last
    if batch.caughtUp, isClosed, batch.end == nil { batch.end = .closed }
    return batch
  }

  private func fill(
    _ batch: inout JournalBatch, _ numbers: ClosedRange<UInt64>, limitBytes: Int, filter: TypeFilter?,
    in db: GRDB.Database
  ) throws {
    guard let row = try StreamRow.find(id: id, in: db) else {
      batch.end = .deleted
      return
    }
    var start = numbers.lowerBound
    if row.first > start {
      // What is gone is told by the same view of the database that the events come from.
      let missing = position(row.first - 1)
      batch.gap = StreamGap(from: batch.position?.cursor, to: missing.cursor, reason: .retention)
      batch.position = missing
      start = row.first
    }
    guard start <= numbers.upperBound else { return }
    let end = min(numbers.upperBound, start + UInt64(Self.rowsPerRead) - 1)
    var encoder = EventEncoder()
    var reached = start - 1
    try StoredEvent.forEach(of: id, start...end, in: db) { event in
      if let filter, !filter.matches(event.type) {
        reached = event.number
        return true
      }
      let size = EventEncoder.size(typeBytes: event.type.count, payloadBytes: event.payload.count)
      if !encoder.ends.isEmpty, encoder.bytes.count + 1 + size > limitBytes { return false }
      encoder.append(position(event.number), milliseconds: event.time, type: event.type, payload: event.payload)
      reached = event.number
      return true
    }
    batch.events = encoder.bytes
    batch.count = encoder.ends.count
    batch.position = position(reached)
  }

  private func position(_ number: UInt64) -> StreamPosition { StreamPosition(high: UInt64(id), low: number) }

  // MARK: Positions

  func position(of cursor: String) throws -> StreamPosition {
    try refreshIfStale()
    guard let position = StreamPosition(cursor: cursor), position.high == UInt64(id),
      position.low <= state.withLock({ $0.last })
    else { throw invalidCursor(cursor) }
    return position
  }

  func endPosition() throws -> StreamPosition? {
    try refreshIfStale()
    let last = state.withLock { $0.last }
    return last == 0 ? nil : position(last)
  }

  func position(beforeLast count: Int, matching filter: TypeFilter?) throws -> StreamPosition? {
    guard let end = try endPosition(), count > 0 else { return try endPosition() }
    guard let row = try database.read({ db in try StreamRow.find(id: id, in: db) }) else { return end }
    guard let filter else {
      return position(max(row.first - 1, end.low - min(end.low, UInt64(count))))
    }
    // Pieces are looked at from the last one back, each in a transaction of its own.
    var upper = end.low
    var wanted = count
    while upper >= row.first {
      let lower = max(row.first, upper - min(upper, UInt64(Self.rowsPerRead) - 1))
      var matching: [UInt64] = []
      try database.read { db in
        try StoredEvent.forEach(of: id, lower...upper, in: db) { event in
          if filter.matches(event.type) { matching.append(event.number) }
          return true
        }
      }
      if matching.count >= wanted { return position(matching[matching.count - wanted] - 1) }
      wanted -= matching.count
      upper = lower - 1
    }
    return position(row.first - 1)
  }

  func info() throws -> StreamInfo {
    guard let row = try database.read({ db in try StreamRow.find(id: id, in: db) }) else {
      throw StreamStore.notFound(name)
    }
    return StreamInfo(row)
  }

  // MARK: What is told by the store, on the writer's connection and in the order of the commits

  /// Takes what was committed.
  func publish(in db: GRDB.Database) {
    do {
      guard let row = try StreamRow.find(id: id, in: db) else { return publishDeletion() }
      let (known, isStale) = state.withLock { ($0.last, $0.isStale) }
      let chunk = isStale ? nil : try encode(after: known, through: row.last, in: db)
      state.withLock { state in
        if let chunk { state.tail.append(chunk) } else if row.last > known { state.tail.removeAll() }
        state.advance(to: row)
      }
      if let chunk { budget.charge(self, through: chunk.last, bytes: chunk.bytes.count) }
    } catch {
      // The events are committed and will be read from the database; whoever reads next finds out how many.
      state.withLock { $0.losses += 1 }
    }
    signal.notify()
  }

  func publishDeletion() {
    state.withLock { state in
      state.isDeleted = true
      state.tail.removeAll()
    }
    signal.notify()
  }

  /// - Returns: Nil where there is nothing new, or too much to keep.
  private func encode(after known: UInt64, through last: UInt64, in db: GRDB.Database) throws -> Tail.Chunk? {
    guard last > known else { return nil }
    var encoder = EventEncoder()
    try StoredEvent.forEach(of: id, known + 1...last, in: db) { event in
      encoder.append(position(event.number), milliseconds: event.time, type: event.type, payload: event.payload)
      return encoder.bytes.count <= Self.tailBytesPerCommit
    }
    guard encoder.ends.count == Int(last - known) else { return nil }
    return Tail.Chunk(first: known + 1, bytes: encoder.bytes, ends: encoder.ends)
  }

  func dropTail(through number: UInt64) {
    state.withLock { $0.tail.drop(through: number) }
  }

  /// How much of the stream is kept encoded in memory.
  var tailBytes: Int { state.withLock { $0.tail.bytes } }

  var isDeleted: Bool { state.withLock { $0.isDeleted } }

  private func refreshIfStale() throws {
    let losses = state.withLock { $0.isStale ? $0.losses : nil }
    guard let losses else { return }
    let row = try database.read { db in try StreamRow.find(id: id, in: db) }
    guard let row else { return publishDeletion() }
    state.withLock { state in
      state.advance(to: row)
      state.refreshed = max(state.refreshed, losses)
    }
  }
}

extension StreamInfo {
  init(_ row: StreamRow) {
    func cursor(_ number: UInt64) -> String { StreamPosition(high: UInt64(row.id), low: number).cursor }
    self.init(
      name: row.name, kind: .events, state: row.closed == nil ? .open : .closed, events: row.events,
      bytes: row.bytes, first: row.events > 0 ? cursor(row.first) : nil, last: row.last > 0 ? cursor(row.last) : nil,
      createdAt: Timestamp.string(nanosecondsSince1970: row.created * 1_000_000))
  }
}
