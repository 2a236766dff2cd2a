import Glibc
import Platform

/// What every benchmark is given.
struct Bench {
  /// The server's program.
  let program: String
  /// How many turns each contestant has.
  let rounds: Int
  /// How often a server with apps is killed.
  let kills: Int
  let scratch: Scratch

  /// Starts a server on a home of its own.
  func startServer() throws -> BerthServer {
    try BerthServer(program: program, scratch: scratch)
  }

  /// Says on standard error what is being done.
  func say(_ line: String) {
    let line = Array("berth-bench: \(line)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
  }
}

/// Something that was measured did not work.
struct BenchmarkFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
