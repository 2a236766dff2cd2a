internal import CPlatform
internal import Glibc
internal import Platform

/// One process for as long as the machine is up: a number is given out again, a number with its time of start is not.
package struct ProcessIdentity: Sendable, Hashable {
  package let processID: Int32
  /// Field 22 of /proc/PID/stat: clock ticks since the machine was started.
  package let start: UInt64

  package init(processID: Int32, start: UInt64) {
    self.processID = processID
    self.start = start
  }

  /// The process that has this number now; nil where there is none.
  package init?(of processID: Int32) {
    guard processID > 0, let start = Self.start(of: processID) else { return nil }
    self.init(processID: processID, start: start)
  }

  /// Whether it is there still, and has not ended unreaped.
  package var isAlive: Bool { Self.start(of: processID) == start }

  /// Sends a signal to this very process, never to another that has been given its number. False where it has gone or
  /// may not be signalled.
  @discardableResult
  package func send(_ signal: Int32) -> Bool {
    let descriptor = berth_pidfd_open(processID)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // Whatever the descriptor leads to is this process if the number still has the same start behind it.
    return isAlive && berth_pidfd_send_signal(descriptor, signal) == 0
  }

  /// What tells one start of the machine from another.
  package static let boot: String = {
    let bytes = (try? SmallFile.read("/proc/sys/kernel/random/boot_id")) ?? []
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }()

  private static func start(of processID: Int32) -> UInt64? {
    guard let entry = ProcessEntry(processID), entry.state != "Z", entry.state != "X" else { return nil }
    return entry.startTime
  }
}

/// How a process ended.
package enum ProcessExit: Sendable, Hashable {
  case code(Int32)
  case signal(Int32)

  /// Reads `code N` or `signal N`.
  init?(_ text: some StringProtocol) {
    let words = text.split(separator: " ")
    guard words.count == 2, let number = Int32(words[1]) else { return nil }
    switch words[0] {
    case "code": self = .code(number)
    case "signal": self = .signal(number)
    default: return nil
    }
  }
}
