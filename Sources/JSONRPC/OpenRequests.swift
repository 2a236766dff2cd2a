/// The requests of a connection that are not answered, and the lanes they stand in. Confined to the event loop.
struct OpenRequests {
  struct Entry {
    var id: RequestID
    var method: String
    /// How much memory its parameters take, at least.
    var bytes: Int
    var batch: (Batch, slot: Int)?
    /// The name of the lane.
    var lane: String?
    var began: UInt64
    var task: Task<Void, Never>?
  }

  private var entries: [UInt64: Entry] = [:]
  private var serialByID: [RequestID: UInt64] = [:]
  /// The lanes that have open requests, and how many.
  private var lanes: [String: (lane: Lane, count: Int)] = [:]
  private var lastSerial: UInt64 = 0

  var count: Int { entries.count }
  private(set) var bytes = 0
  var isEmpty: Bool { entries.isEmpty }

  mutating func nextSerial() -> UInt64 {
    lastSerial += 1
    return lastSerial
  }

  /// Takes a request in.
  ///
  /// - Returns: The lane in which it now stands.
  mutating func begin(_ serial: UInt64, _ entry: Entry, makingLane: () -> Lane) -> Lane? {
    entries[serial] = entry
    bytes += entry.bytes
    if entry.id != .null, serialByID[entry.id] == nil { serialByID[entry.id] = serial }
    guard let name = entry.lane else { return nil }
    let (lane, count) = lanes[name] ?? (makingLane(), 0)
    lanes[name] = (lane, count + 1)
    lane.enter(serial)
    return lane
  }

  mutating func attach(_ task: Task<Void, Never>, to serial: UInt64) {
    entries[serial]?.task = task
  }

  /// Removes a request that is answered. - Returns: Nil where it was removed before.
  mutating func end(_ serial: UInt64) -> Entry? {
    guard let entry = entries.removeValue(forKey: serial) else { return nil }
    bytes -= entry.bytes
    if serialByID[entry.id] == serial { serialByID[entry.id] = nil }
    if let name = entry.lane, let (lane, count) = lanes[name] {
      lanes[name] = count > 1 ? (lane, count - 1) : nil
    }
    return entry
  }

  /// Cancels a request.
  ///
  /// - Returns: The request's serial where it had not begun, so that the caller answers it; nil where its own work
  ///   will answer, or where there is no such request.
  func cancel(_ id: RequestID) -> UInt64? {
    guard let serial = serialByID[id], let entry = entries[serial] else { return nil }
    if let name = entry.lane, lanes[name]?.lane.withdraw(serial) == true { return serial }
    entry.task?.cancel()
    return nil
  }

  /// Cancels the work of every request.
  func cancelAll() {
    for entry in entries.values { entry.task?.cancel() }
  }
}
