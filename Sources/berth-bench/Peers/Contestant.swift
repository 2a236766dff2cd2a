import BerthProtocol
import JSON
import Platform

/// One that answers small requests, ready to be asked.
struct Contestant {
  let name: String
  /// Nil for one that is not on this machine.
  let connection: LoadConnection?
  var request = LanguageServers.smallRequest
  /// Whether its answers are errors.
  var fails = false

  private static let ping = #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"server/ping"}"#

  /// Berth first, then its peers, all over the same kind of connection.
  static func all(_ transport: Transport, _ bench: Bench, server: BerthServer) throws -> [Contestant] {
    [
      Contestant(name: "Berth", connection: try berth(transport, bench, server), request: ping),
      Contestant(name: "echo in C", connection: try echo(transport, bench), request: echoed),
    ]
      + (try LanguageServers.names.map { name in
        let connection = try languageServer(name, transport, bench)
        return Contestant(name: name, connection: connection, fails: true)
      })
  }

  private static func berth(_ transport: Transport, _ bench: Bench, _ server: BerthServer) throws -> LoadConnection {
    guard transport == .stdio else { return try server.connect() }
    let program = Program(
      name: "Berth", path: bench.program, arguments: ["serve", "--stdio", "--home", server.home.path])
    let connection = try program.start(transport, scratch: bench.scratch).1
    try connection.call(Initialize.self, .init(protocolVersions: ["1"]))
    return connection
  }

  /// What the echo is sent is what Berth's answer looks like.
  private static let echoed =
    #"{"jsonrpc":"2.0","id":@@@@@@@@,"result":{"instanceId":"srv_00000000000000000000000000"}}"#

  private static func echo(_ transport: Transport, _ bench: Bench) throws -> LoadConnection {
    let program = Program(name: "echo", path: ChildProcess.ownProgram, arguments: ["echo"])
    return try program.start(transport, scratch: bench.scratch).1
  }

  private static func languageServer(_ name: String, _ transport: Transport, _ bench: Bench) throws -> LoadConnection? {
    guard let program = LanguageServers.find(name, scratch: bench.scratch) else { return nil }
    let connection = try program.start(transport, scratch: bench.scratch).1
    try connection.call("initialize", LanguageServers.initializeParams)
    try connection.notify("initialized", "{}")
    return connection
  }
}
