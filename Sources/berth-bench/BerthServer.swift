import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// A server on a home of its own.
struct BerthServer {
  let home: Home
  let process: ChildProcess
  private let scratch: Scratch

  init(program: String, scratch: Scratch) throws {
    self.scratch = scratch
    home = scratch.newHome()
    process = try scratch.start(program, ["serve", "--home", home.path, "--log-level", "error"])
    while (try? client()) == nil {
      if let code = process.endedWith { throw BenchmarkFailure("berth serve ended with \(code)") }
      process.waitBriefly()
    }
  }

  /// A connection for calls of any kind.
  func client() throws -> Client {
    try Client(MessageTransport(socket: home.socket), name: "berth-bench")
  }

  /// A connection for load.
  func connect() throws -> LoadConnection {
    let socket = try UnixSocket.connect(home.socket)
    let connection = try LoadConnection(input: socket, output: socket)
    try connection.call(Initialize.self, .init(protocolVersions: ["1"]))
    return connection
  }

  /// What the server's memory is once it no longer changes.
  func settledMemory() throws -> ProcessMemory {
    try ProcessMemory.settled(of: process.processID)
  }

  func stop() {
    process.send(SIGTERM)
    scratch.wait(for: process)
    Scratch.removeFolder(home.path)
  }
}
