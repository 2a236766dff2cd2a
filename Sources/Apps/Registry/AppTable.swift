import BerthProtocol
import Supervisor
import Synchronization

/// One app: its record, the process that is supervised, and what it writes.
final class AppEntry: Sendable {
  let id: String
  let process: SupervisedProcess
  let output: SegmentJournal
  private let state: Mutex<AppRecord>

  init(_ record: AppRecord, process: SupervisedProcess, output: SegmentJournal) {
    id = record.id
    self.process = process
    self.output = output
    state = Mutex(record)
  }

  var record: AppRecord { state.withLock { $0 } }

  func set(_ record: AppRecord) { state.withLock { $0 = record } }
}

/// All apps, in memory, by everything that they are found by.
struct AppTable {
  private var entries: [String: AppEntry] = [:]
  /// Every id, sorted; ids sort by the time at which they were made.
  private(set) var ids: [String] = []

  subscript(id: String) -> AppEntry? { entries[id] }

  var all: [AppEntry] { ids.compactMap { entries[$0] } }

  mutating func put(_ entry: AppEntry) {
    if entries.updateValue(entry, forKey: entry.id) == nil {
      ids.insert(entry.id, at: ids.firstIndex { $0 > entry.id } ?? ids.count)
    }
  }

  mutating func remove(_ id: String) {
    entries[id] = nil
    ids.removeAll { $0 == id }
  }

  func find(_ name: String, in workspace: String?) -> [AppEntry] {
    all.filter { entry in
      let record = entry.record
      return record.app == name && (workspace == nil || record.workspace == workspace)
    }
  }
}
