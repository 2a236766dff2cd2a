internal import Platform

/// What a shim's folder tells of its tree, with or without the shim.
package struct ShimRecord: Sendable, Hashable {
  package let id: String
  /// The machine's start in which the tree ran: see `ProcessIdentity.boot`.
  package let boot: String
  package let shim: ProcessIdentity
  /// The tree's first process. Where it has ended, its number may be another's.
  package let main: ProcessIdentity
  package let startedNanoseconds: Int64
  /// How and when the first process ended; nil while it runs. The tree may live on.
  package let mainExit: ProcessExit?
  package let mainEndedNanoseconds: Int64?

  /// Whether the first process runs; false too where its number has been given to another.
  package var mainIsAlive: Bool { mainExit == nil && boot == ProcessIdentity.boot && main.isAlive }
}

/// A shim's answer on how things are now.
package struct ShimStatus: Sendable, Hashable {
  package let record: ShimRecord
  /// How many processes the tree has.
  package let processes: Int
  /// Whether the tree has said `READY=1` to its notify socket, and what it said last as `STATUS=`.
  package let isReady: Bool
  package let notifyStatus: String
  /// The log segment that is written to, and how long it is.
  package let log: LogPosition
  /// How many bytes of input have been taken.
  package let inputBytes: Int
  /// How many log lines could not be written.
  package let droppedLines: Int
  /// Whether what the tree prints waits until the log is trimmed: see `ShimSpecification.Log.holds`.
  package let isHeld: Bool

  package struct LogPosition: Sendable, Hashable {
    package let segment: Int
    package let bytes: Int

    package init(segment: Int, bytes: Int) {
      self.segment = segment
      self.bytes = bytes
    }
  }
}

/// What a shim wrote before it ended.
package struct ShimExit: Sendable, Hashable {
  package enum Reason: Sendable, Hashable {
    /// The last process ended of its own accord.
    case exited
    /// A stop was asked for.
    case stopped
    /// The tree was never started: see `ShimError`.
    case failed(step: String, errno: Int32, about: String)
  }

  package let record: ShimRecord
  package let reason: Reason
  package let endedNanoseconds: Int64
  /// Of all processes of the tree, in milliseconds of processor time; the memory is the largest one's.
  package let userMilliseconds: Int
  package let systemMilliseconds: Int
  package let maximumResidentKilobytes: Int
}

// MARK: Reading

/// Lines `key=value`.
struct ShimLines {
  private var values: [Substring: Substring] = [:]

  init(_ text: some StringProtocol) {
    for line in Substring(text).split(separator: "\n") {
      guard let sign = line.firstIndex(of: "=") else { continue }
      values[line[..<sign]] = line[line.index(after: sign)...]
    }
  }

  subscript(_ key: Substring) -> Substring? { values[key] }

  func number<Number: FixedWidthInteger>(_ key: Substring) -> Number? { values[key].flatMap { Number($0) } }

  func time(_ key: Substring) -> Int64? { values[key].flatMap { Timestamp.nanoseconds(from: String($0)) } }

  func process(_ key: Substring) -> ProcessIdentity? {
    guard let processID: Int32 = number(key), let start: UInt64 = number(key + "Start") else { return nil }
    return ProcessIdentity(processID: processID, start: start)
  }
}

extension ShimRecord {
  init?(_ lines: ShimLines) {
    guard let id = lines["id"], let boot = lines["boot"], let shim = lines.process("shim"),
      let main = lines.process("main"), let started = lines.time("started")
    else { return nil }
    self.init(
      id: String(id), boot: String(boot), shim: shim, main: main, startedNanoseconds: started,
      mainExit: lines["mainExit"].flatMap { ProcessExit($0) }, mainEndedNanoseconds: lines.time("mainEnded"))
  }
}

extension ShimStatus {
  init?(_ lines: ShimLines) {
    guard let record = ShimRecord(lines), let processes: Int = lines.number("processes"),
      let segment: Int = lines.number("segment"), let bytes: Int = lines.number("bytes"),
      let input: Int = lines.number("input"), let dropped: Int = lines.number("dropped")
    else { return nil }
    self.init(
      record: record, processes: processes, isReady: lines["ready"] == "1",
      notifyStatus: String(lines["notifyStatus"] ?? ""), log: LogPosition(segment: segment, bytes: bytes),
      inputBytes: input, droppedLines: dropped, isHeld: lines["held"] == "1")
  }
}

extension ShimExit {
  init?(_ lines: ShimLines) {
    guard let record = ShimRecord(lines), let ended = lines.time("ended") else { return nil }
    let reason: Reason
    switch lines["reason"] {
    case "exited": reason = .exited
    case "stopped": reason = .stopped
    case "failed":
      reason = .failed(
        step: String(lines["step"] ?? ""), errno: lines.number("errno") ?? 0, about: String(lines["about"] ?? ""))
    default: return nil
    }
    self.init(
      record: record, reason: reason, endedNanoseconds: ended, userMilliseconds: lines.number("userMs") ?? 0,
      systemMilliseconds: lines.number("systemMs") ?? 0, maximumResidentKilobytes: lines.number("maxRssKb") ?? 0)
  }
}
