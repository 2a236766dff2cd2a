import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// A server on a home of its own.
struct BerthServer {
  let home: Home
  let process: ChildProcess
  private let program: String
  private let scratch: Scratch

  /// Starts it, and returns when it takes calls.
  init(program: String, scratch: Scratch) throws {
    try self.init(program: program, scratch: scratch, home: scratch.newHome())
  }

  private init(program: String, scratch: Scratch, home: Home) throws {
    (self.program, self.scratch, self.home) = (program, scratch, home)
    process = try Self.start(program, scratch, home)
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

  // MARK: Ends

  /// Ends it without a word; its home stays.
  func kill() {
    process.send(SIGKILL)
    scratch.wait(for: process)
  }

  /// The next server of a home whose server was killed.
  func startAgain() throws -> BerthServer {
    try BerthServer(program: program, scratch: scratch, home: home)
  }

  /// Starts another server of a home whose server was killed, and kills it after a while, wherever it then is.
  func startInVain(forMicroseconds microseconds: UInt32) throws {
    let process = try Self.start(program, scratch, home)
    usleep(microseconds)
    process.send(SIGKILL)
    scratch.wait(for: process)
  }

  /// Ends it, and removes its home.
  func stop() {
    process.send(SIGTERM)
    scratch.wait(for: process)
    Scratch.removeFolder(home.path)
  }

  private static func start(_ program: String, _ scratch: Scratch, _ home: Home) throws -> ChildProcess {
    try scratch.start(program, ["serve", "--home", home.path, "--log-level", "error"])
  }
}
