import Glibc
import Platform

/// A program that speaks the language server protocol over its standard input and output.
struct Program {
  let name: String
  let path: String
  let arguments: [String]

  /// Programs are looked for in `PATH`, and before that in the Python environment that `BERTH_BENCH_PEERS` names. Nil
  /// where there is none of that name.
  static func find(_ name: String) -> String? {
    searchPath.split(separator: ":").map { "\($0)/\(name)" }.first(where: isThere)
  }

  /// Where programs are looked for.
  static var searchPath: String {
    let peers = getenv("BERTH_BENCH_PEERS").map { String(cString: $0) + "/bin:" }
    return (peers ?? "") + (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")
  }

  /// Whether a path leads to a program.
  static func isThere(_ path: String) -> Bool { access(path, X_OK) == 0 }

  /// Starts the program.
  func start(_ transport: Transport, scratch: Scratch) throws -> (ChildProcess, LoadConnection) {
    // The child's ends are closed here when this returns, so that a program that ends is noticed.
    let link = try Link(transport)
    let process = try scratch.start(path, arguments, input: link.child.input, output: link.child.output)
    return (process, try LoadConnection(input: link.own.input, output: link.own.output))
  }
}
