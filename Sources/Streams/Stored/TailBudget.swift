import DequeModule
import Synchronization

/// Keeps the tails of all streams together below a size, by dropping what came first.
final class TailBudget: Sendable {
  private struct Entry: Sendable {
    weak var journal: StoredJournal?
    let through: UInt64
    let bytes: Int
  }

  private struct State {
    var entries: Deque<Entry> = []
    var bytes = 0
  }

  private let maxBytes: Int
  private let state = Mutex(State())

  init(maxBytes: Int) {
    self.maxBytes = maxBytes
  }

  /// Notes that a journal has added to its tail. Called with no lock of a journal held.
  func charge(_ journal: StoredJournal, through number: UInt64, bytes: Int) {
    let dropped = state.withLock { state in
      state.entries.append(Entry(journal: journal, through: number, bytes: bytes))
      state.bytes += bytes
      var dropped: [Entry] = []
      while state.bytes > maxBytes, let entry = state.entries.popFirst() {
        state.bytes -= entry.bytes
        dropped.append(entry)
      }
      return dropped
    }
    for entry in dropped { entry.journal?.dropTail(through: entry.through) }
  }
}
