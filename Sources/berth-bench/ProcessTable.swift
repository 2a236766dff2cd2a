import Glibc
import Platform

/// The processes of the machine.
enum ProcessTable {
  /// Those whose command line holds a text, but for this one.
  static func running(_ text: String) -> [Int32] {
    all.filter { commandLine($0).contains(text) }
  }

  /// Those of them that work in a folder or beneath it.
  static func running(_ text: String, in folder: String) -> [Int32] {
    running(text).filter { works($0, in: folder) }
  }

  /// Those that work in a folder or beneath it, or whose command line names it.
  static func using(_ folder: String) -> [Int32] {
    all.filter { works($0, in: folder) || commandLine($0).contains(folder) }
  }

  /// How much processor time processes have had, in nanoseconds.
  static func processorNanoseconds(of processes: [Int32]) throws -> Int {
    try processes.reduce(0) { sum, process in
      let threads = try Directory(path: "/proc/\(process)/task").entries()
      return try threads.reduce(sum) { sum, thread in
        let bytes = try SmallFile.read("/proc/\(process)/task/\(thread.name.string)/schedstat") ?? []
        return sum + (Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) ?? 0)
      }
    }
  }

  // MARK: Parts

  private static var all: [Int32] {
    let entries = (try? Directory(path: "/proc").entries()) ?? []
    return entries.compactMap { Int32($0.name.string) }.filter { $0 != getpid() }
  }

  /// With spaces between the arguments; empty for one that has gone.
  private static func commandLine(_ process: Int32) -> String {
    guard let bytes = try? SmallFile.read("/proc/\(process)/cmdline") else { return "" }
    return String(decoding: bytes.map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
  }

  private static func works(_ process: Int32, in folder: String) -> Bool {
    let place = workingFolder(process)
    return place == folder || place.hasPrefix(folder + "/")
  }

  private static func workingFolder(_ process: Int32) -> String {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/\(process)/cwd", &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
