import DequeModule

/// The requests of a connection that have begun and are not answered, and the lanes they stand in. Confined to the
/// event loop.
struct OpenRequests {
  struct Entry {
    var id: RequestID
    var method: String
    var batch: (Batch, slot: Int)?
    var lane: String?
    var began: UInt64
    /// Starts the work; nil once it has been started.
    var start: (() -> Task<Void, Never>)?
    var task: Task<Void, Never>?
  }

  private var entries: [UInt64: Entry] = [:]
  private var serialByID: [RequestID: UInt64] = [:]
  /// The requests of each lane, the running one first.
  private var lanes: [String: Deque<UInt64>] = [:]
  private var lastSerial: UInt64 = 0

  var count: Int { entries.count }
  var isEmpty: Bool { entries.isEmpty }

  mutating func nextSerial() -> UInt64 {
    lastSerial += 1
    return lastSerial
  }

  /// Takes a request in, and starts it unless another one of its lane comes first.
  mutating func begin(_ serial: UInt64, _ entry: Entry) {
    entries[serial] = entry
    if entry.id != .null, serialByID[entry.id] == nil { serialByID[entry.id] = serial }
    if let lane = entry.lane {
      lanes[lane, default: []].append(serial)
      guard lanes[lane]?.first == serial else { return }
    }
    start(serial)
  }

  private mutating func start(_ serial: UInt64) {
    guard let start = entries[serial]?.start else { return }
    entries[serial]?.start = nil
    entries[serial]?.task = start()
  }

  /// Removes a request that is answered. - Returns: Nil where it was removed before.
  mutating func end(_ serial: UInt64) -> Entry? {
    guard let entry = entries.removeValue(forKey: serial) else { return nil }
    if serialByID[entry.id] == serial { serialByID[entry.id] = nil }
    if let lane = entry.lane { leave(serial, lane) }
    return entry
  }

  /// Lets the next one of a request's lane begin.
  mutating func leaveLane(_ serial: UInt64) {
    guard let lane = entries[serial]?.lane else { return }
    entries[serial]?.lane = nil
    leave(serial, lane)
  }

  private mutating func leave(_ serial: UInt64, _ lane: String) {
    guard var queue = lanes[lane] else { return }
    let wasRunning = queue.first == serial
    queue.removeAll { $0 == serial }
    lanes[lane] = queue.isEmpty ? nil : queue
    if wasRunning, let next = queue.first { start(next) }
  }

  /// Cancels a request.
  ///
  /// - Returns: The request's serial where it had not started, so that the caller answers it; nil where its own work
  ///   will answer, or where there is no such request.
  mutating func cancel(_ id: RequestID) -> UInt64? {
    guard let serial = serialByID[id], let entry = entries[serial] else { return nil }
    if let task = entry.task {
      task.cancel()
      return nil
    }
    return serial
  }

  /// Cancels the work of every request that has started.
  func cancelAll() {
    for entry in entries.values { entry.task?.cancel() }
  }
}
