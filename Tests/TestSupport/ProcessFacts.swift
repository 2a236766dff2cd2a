import Glibc
import Platform

/// What the kernel tells of another process.
package enum ProcessFacts {
  /// How much memory it takes, with pages that it shares counted by its share, in bytes.
  package static func memory(of process: Int32) throws -> Int {
    let path = "/proc/\(process)/smaps_rollup"
    let text = String(decoding: try SmallFile.read(path) ?? [], as: UTF8.self)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Pss:") }),
      let kilobytes = Int(line.drop { !$0.isNumber }.prefix { $0.isNumber })
    else { throw SystemError(errno: ENOENT, operation: "read", path: path) }
    return kilobytes << 10
  }

  /// How many descriptors it has open.
  package static func descriptors(of process: Int32) throws -> Int {
    try Directory(path: "/proc/\(process)/fd").entries().count
  }
}
