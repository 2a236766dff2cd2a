/// Which runs go on, and which wait for what: the runs of a session go one after the other, and only so many at once.
struct RunQueue {
  struct Entry {
    let id: String
    let session: String
    let agent: String
    let priority: Int
  }

  /// Those that wait: the highest priority first, of equal ones the oldest.
  private(set) var waiting: [Entry] = []
  private(set) var running: [String: Entry] = [:]

  mutating func add(_ entry: Entry) {
    let index = waiting.firstIndex { $0.priority < entry.priority } ?? waiting.endIndex
    waiting.insert(entry, at: index)
  }

  /// Adds one that an earlier server has begun.
  mutating func addRunning(_ entry: Entry) {
    running[entry.id] = entry
  }

  /// Takes the next one that may begin.
  ///
  /// - Parameters:
  ///   - limit: How many may go on at once.
  ///   - agentLimit: The same for one agent.
  mutating func next(limit: Int, agentLimit: (String) -> Int) -> String? {
    guard running.count < limit else { return nil }
    var busySessions = Set(running.values.map(\.session))
    var counts: [String: Int] = [:]
    for entry in running.values { counts[entry.agent, default: 0] += 1 }
    for (index, entry) in waiting.enumerated() {
      // Of a session's runs, a later one never goes before an earlier one.
      guard busySessions.insert(entry.session).inserted, counts[entry.agent, default: 0] < agentLimit(entry.agent)
      else { continue }
      waiting.remove(at: index)
      running[entry.id] = entry
      return entry.id
    }
    return nil
  }

  /// Forgets one that has ended, or is not to begin.
  mutating func remove(_ id: String) {
    running[id] = nil
    waiting.removeAll { $0.id == id }
  }

  /// How many go before it, and one; nil where it does not wait.
  func place(of id: String) -> Int? { waiting.firstIndex { $0.id == id }.map { $0 + 1 } }

  func count(agent: String) -> (running: Int, queued: Int) {
    (running.values.count { $0.agent == agent }, waiting.count { $0.agent == agent })
  }
}
