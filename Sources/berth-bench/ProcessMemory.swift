import Glibc
import Platform

/// How much memory a process takes, in bytes.
struct ProcessMemory {
  /// What of it is in memory; pages shared with other processes count whole.
  let resident: Int
  /// As `resident`, with shared pages counted by their share.
  let proportional: Int
  /// What of it is no file's: without the program's code, which comes into memory as it is first used.
  let anonymous: Int

  init(of process: Int32) throws {
    let text = String(decoding: try SmallFile.read("/proc/\(process)/smaps_rollup") ?? [], as: UTF8.self)
    func bytes(_ name: String) throws -> Int {
      guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
        let kilobytes = Int(line.drop { !$0.isNumber }.prefix { $0.isNumber })
      else { throw BenchmarkFailure("/proc/\(process)/smaps_rollup has no \(name)") }
      return kilobytes << 10
    }
    resident = try bytes("Rss:")
    proportional = try bytes("Pss:")
    anonymous = try bytes("Anonymous:")
  }

  /// What it is once it has been the same for half a second; or after five, whatever it is.
  static func settled(of process: Int32) throws -> ProcessMemory {
    var memory = try ProcessMemory(of: process)
    var same = 0
    for _ in 0..<50 where same < 5 {
      usleep(100_000)
      let next = try ProcessMemory(of: process)
      same = next.resident == memory.resident ? same + 1 : 0
      memory = next
    }
    return memory
  }
}
