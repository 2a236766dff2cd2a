import Platform

/// A process, as `/proc/PID/stat` tells of it (proc_pid_stat(5)).
package struct ProcessEntry: Sendable, Hashable {
  package let pid: Int32
  package let parent: Int32
  /// When it was started, in clock ticks since the machine was: together with the pid it means one process for ever.
  package let startTime: UInt64
  /// The name of its program, at most 15 bytes. It may hold anything, spaces and parentheses too.
  package let name: String
  /// `R`, `S`, `D`, `Z` and so on.
  package let state: Character

  /// Nil where there is no such process.
  package init?(_ pid: Int32) {
    guard let bytes = try? ProcFile.read("/proc/\(pid)/stat"), let entry = ProcessEntry(stat: bytes) else { return nil }
    self = entry
  }

  /// - Parameter stat: What the file holds.
  init?(stat: [UInt8]) {
    // The name ends with the last parenthesis, whatever is in it.
    guard let open = stat.firstIndex(of: UInt8(ascii: "(")), let close = stat.lastIndex(of: UInt8(ascii: ")")),
      open < close, let pid = Int32(Self.text(stat[..<open]).dropLast())
    else { return nil }
    let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count >= 20, let state = Self.text(fields[0]).first, let parent = Int32(Self.text(fields[1])),
      let startTime = UInt64(Self.text(fields[19]))
    else { return nil }
    self.pid = pid
    self.parent = parent
    self.startTime = startTime
    self.state = state
    name = Self.text(stat[(open + 1)..<close])
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

/// Who started whom.
package enum ProcessTree {
  private static let maximumDepth = 256

  /// A process and its ancestors, the process first, as far as they can be seen; empty where there is no such process.
  ///
  /// Processes end meanwhile and their numbers are used anew: a parent that is younger than its child is not its
  /// parent, and the chain ends there.
  package static func ancestry(of pid: Int32) -> [ProcessEntry] {
    var chain: [ProcessEntry] = []
    var next = pid
    while next > 0, chain.count < maximumDepth, let entry = ProcessEntry(next) {
      if let child = chain.last, entry.startTime > child.startTime { break }
      chain.append(entry)
      next = entry.parent
    }
    return chain
  }
}
