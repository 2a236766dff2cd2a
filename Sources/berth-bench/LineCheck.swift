import CBench
import Glibc
import Platform

/// Looks whether numbered lines are all there, once and in order.
struct LineCheck {
  private var lines = berth_lines()
  /// Whether they are those of a log, with time and source before each.
  let hasPrefix: Bool

  init(hasPrefix: Bool) {
    self.hasPrefix = hasPrefix
  }

  /// How many lines there were.
  var count: Int { Int(lines.count) }
  /// How many lines are missing, come twice or are in the wrong place.
  var faults: Int { Int(lines.faults) }

  /// Goes on with a file.
  mutating func read(_ path: String) throws {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemError("open", path: path) }
    defer { close(file) }
    guard berth_check_lines(file, hasPrefix ? 1 : 0, &lines) == 0 else { throw SystemError("read", path: path) }
  }

  /// Goes on with all files of a folder, in the order of their names.
  mutating func readFolder(_ path: String) throws {
    for name in try Directory(path: path).entries().map(\.name.string).sorted() { try read("\(path)/\(name)") }
  }

  func expect(_ count: Int) throws {
    guard lines.count == count, lines.faults == 0 else {
      throw BenchmarkFailure(
        "of \(count) lines, there are \(lines.count), and \(lines.faults) are not where they belong")
    }
  }
}
