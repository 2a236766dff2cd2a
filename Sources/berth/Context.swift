import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// What a command works with: the connection to the server, and where its output goes.
final class Context {
  let options: CommandOptions
  let output = Output()
  private var openClient: Client?

  init(_ options: CommandOptions) {
    self.options = options
    // A server that has gone is an error to be told, not a signal.
    signal(SIGPIPE, SIG_IGN)
  }

  var json: Bool { options.json }
  var home: Home { Home(options.home) }

  /// The connection to the server, which is started where none runs.
  var client: Client {
    get throws {
      if let openClient { return openClient }
      return try connect()
    }
  }

  /// Opens a connection of its own, beside the one that is open perhaps.
  func newClient(startsServer: Bool) throws -> Client {
    try Launch.connect(
      home: home, socket: options.socket, startingWith: startsServer ? ChildProcess.ownProgram : nil, name: "berth")
  }

  /// Opens the connection anew, after the server has gone.
  @discardableResult
  func connect() throws -> Client {
    let client = try newClient(startsServer: !options.noStart)
    openClient = client
    return client
  }

  /// Does something that lasts, and begins it again on a new connection when the server has gone.
  ///
  /// - Parameter body: Is told which attempt it is, from 1. What it throws but `Disconnected` ends it.
  func reconnecting(isWorthwhile: Bool = true, _ body: (Int) throws -> Void) throws {
    var attempt = 1
    var began = Timestamp.monotonicNanoseconds()
    while true {
      do {
        return try body(attempt)
      } catch let error as Disconnected {
        // A server that leaves at once again and again is not worth asking.
        let lasted = Timestamp.monotonicNanoseconds() - began
        guard isWorthwhile, lasted > 1_000_000_000 || attempt <= 3 else { throw error }
        Messages.line(Style.errors(.dim, "the server has gone; connecting again"))
        attempt += 1
        began = Timestamp.monotonicNanoseconds()
        try connect()
      }
    }
  }

  func request<M: Method>(_ method: M.Type, _ params: M.Params) throws -> M.Result {
    try client.request(method, params)
  }

  /// Prints a result: as JSON where that was asked for, else as the command does.
  func show<Value: JSONEncodable>(_ value: Value, _ people: (Value) -> Void) {
    if json { output.json(value) } else { people(value) }
  }

  /// The working folder, against which paths on the command line are meant.
  static func absolute(_ path: String) throws -> String {
    if path.utf8.first == UInt8(ascii: "/") { return path }
    guard let folder = getcwd(nil, 0) else { throw SystemError(errno: errno, operation: "getcwd") }
    defer { free(folder) }
    return String(cString: folder) + "/" + path
  }
}
