package import BerthProtocol
import DequeModule
package import JSON
import Platform
import Synchronization

/// A stream that is kept in memory until the server ends; the newest events, up to a number of bytes.
package final class MemoryJournal: Journal {
  package let name: String
  package let kind = StreamKind.memory
  package let signal = ChangeSignal()
  private let capacityBytes: Int
  private let created: Int64
  /// The first number of every position: when the journal was made, so that cursors of one journal are never taken
  /// for those of a later one of the same name.
  private let epoch: UInt64
  private let state = Mutex(State())

  private enum Entry: Sendable {
    /// An encoded event.
    case event([UInt8])
    /// Here, the producer has lost some.
    case loss

    var size: Int {
      switch self {
      case .event(let bytes): bytes.count + 32
      case .loss: 32
      }
    }
  }

  private struct State {
    var entries: Deque<Entry> = []
    /// The number of the first entry that is kept.
    var first: UInt64 = 1
    var bytes = 0
    var isClosed = false
    var encoder = EventEncoder()

    var last: UInt64 { first + UInt64(entries.count) - 1 }
  }

  private static let lastEpoch = Mutex<UInt64>(0)

  /// - Parameter capacityBytes: When events take more, the oldest go. Whoever has not read them is told of a gap.
  package init(name: String, capacityBytes: Int = 1 << 20) {
    self.name = name
    self.capacityBytes = capacityBytes
    let now = Timestamp.nanosecondsNow() / 1_000_000
    created = now
    epoch = Self.lastEpoch.withLock { last in
      last = max(last + 1, UInt64(max(0, now)))
      return last
    }
  }

  // MARK: Writing

  /// Appends an event; nothing happens when the journal is closed.
  package func append(type: String, payload: some JSONEncodable) {
    let payload = payload.jsonBytes()
    let milliseconds = Timestamp.nanosecondsNow() / 1_000_000
    let isAppended = state.withLock { state in
      if state.isClosed { return false }
      let number = state.last + 1
      state.encoder.removeAll()
      state.encoder.append(position(number), milliseconds: milliseconds, type: type, payload: payload)
      append(.event(state.encoder.bytes), to: &state)
      return true
    }
    if isAppended { signal.notify() }
  }

  /// Notes that events were lost before they reached the journal. Followers are told of a gap in this place.
  package func noteLoss() {
    state.withLock { state in
      if case .loss? = state.entries.last { return }
      if !state.isClosed { append(.loss, to: &state) }
    }
    signal.notify()
  }

  /// Ends the journal: followers get what is left, and then the end.
  package func close() {
    state.withLock { $0.isClosed = true }
    signal.notify()
  }

  private func append(_ entry: Entry, to state: inout State) {
    state.entries.append(entry)
    state.bytes += entry.size
    while state.bytes > capacityBytes, state.entries.count > 1, let oldest = state.entries.popFirst() {
      state.bytes -= oldest.size
      state.first += 1
    }
  }

  // MARK: Reading

  package func read(after position: StreamPosition?, limitBytes: Int, filter: TypeFilter?) -> JournalBatch {
    state.withLock { state in
      var batch = JournalBatch(position: position)
      let isFromEarlier = position.map { $0.high < epoch } ?? false
      var number = isFromEarlier ? 0 : position?.low ?? 0
      if isFromEarlier || number + 1 < state.first { skip(to: state.first - 1, &batch, &number) }
      while number < state.last {
        switch state.entries[Int(number + 1 - state.first)] {
        case .loss:
          guard batch.count == 0 else { return batch }
          skip(to: number + 1, &batch, &number)
        case .event(let event):
          if filter.map({ filter in event.withUnsafeBytes { filter.matches(EventEncoder.type(of: $0)) } }) ?? true {
            if batch.count > 0, batch.events.count + 1 + event.count > limitBytes { return batch }
            if batch.count > 0 { batch.events.append(UInt8(ascii: ",")) }
            batch.events += event
            batch.count += 1
          }
          number += 1
          batch.position = self.position(number)
        }
      }
      batch.caughtUp = true
      if state.isClosed { batch.end = .closed }
      return batch
    }
  }

  /// Goes on behind an event that is not there, and widens the batch's gap.
  private func skip(to missing: UInt64, _ batch: inout JournalBatch, _ number: inout UInt64) {
    let from = batch.gap == nil ? batch.position?.cursor : batch.gap?.from
    batch.gap = StreamGap(from: from, to: position(missing).cursor, reason: .overflow)
    batch.position = position(missing)
    number = missing
  }

  private func position(_ number: UInt64) -> StreamPosition { StreamPosition(high: epoch, low: number) }

  package func position(of cursor: String) throws -> StreamPosition {
    let last = state.withLock { $0.last }
    guard let position = StreamPosition(cursor: cursor), position <= self.position(last) else {
      throw invalidCursor(cursor)
    }
    return position
  }

  package func endPosition() -> StreamPosition? {
    let last = state.withLock { $0.last }
    return last == 0 ? nil : position(last)
  }

  package func position(beforeLast count: Int, matching filter: TypeFilter?) -> StreamPosition? {
    state.withLock { state in
      var number = state.last
      var wanted = count
      while wanted > 0, number >= state.first {
        if case .event(let event) = state.entries[Int(number - state.first)],
          filter.map({ filter in event.withUnsafeBytes { filter.matches(EventEncoder.type(of: $0)) } }) ?? true
        {
          wanted -= 1
        }
        number -= 1
      }
      return number == 0 ? nil : position(number)
    }
  }

  package func info() -> StreamInfo {
    state.withLock { state in
      StreamInfo(
        name: name, kind: kind, state: state.isClosed ? .closed : .open, events: state.entries.count,
        bytes: state.bytes, first: state.entries.isEmpty ? nil : position(state.first).cursor,
        last: state.last == 0 ? nil : position(state.last).cursor,
        createdAt: Timestamp.string(nanosecondsSince1970: created * 1_000_000))
    }
  }
}
