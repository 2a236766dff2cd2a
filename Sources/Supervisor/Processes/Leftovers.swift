import Glibc
import Platform

/// Processes whose shim was killed. They are found by a variable of their environment, and by the first one's number
/// and time of start.
package enum Leftovers {
  private static let variable = "BERTH_PROCESS"

  /// What every process of a tree has in its environment.
  static func mark(of id: String) -> String { "\(variable)=\(id)" }

  /// Kills what is left of a tree, and returns when nothing is found any more, or after a second.
  static func end(of id: String, main: ShimRecord?) {
    let deadline = Timestamp.monotonicNanoseconds() + 1_000_000_000
    let mark = Array(mark(of: id).utf8)
    repeat {
      var found = false
      if let main, main.mainIsAlive, main.main.send(SIGKILL) { found = true }
      for process in ProcFile.numbers(in: "/proc") where process != getpid() {
        guard let identity = ProcessIdentity(of: process),
          let environment = try? ProcFile.read("/proc/\(process)/environ", limitBytes: 4 << 20),
          environment.split(separator: 0).contains(where: { $0.elementsEqual(mark) }), identity.send(SIGKILL)
        else { continue }
        found = true
      }
      if !found { return }
      poll(nil, 0, 5)
    } while Timestamp.monotonicNanoseconds() < deadline
  }

  /// Ends a tree that nobody owns any more, and removes its folder.
  ///
  /// - Parameter name: The folder's name; what ends in `.log` is no tree.
  package static func clear(_ name: String, in supervision: Supervision) {
    if !name.hasSuffix(".log") {
      try? ShimControl(folder: supervision.folder(of: name).path, timeoutSeconds: 1).stop(
        signal: SIGKILL, graceMilliseconds: 0)
      end(of: name, main: nil)
    }
    supervision.removeFolder(name)
  }
}
