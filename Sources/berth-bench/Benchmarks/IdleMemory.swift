import BerthProtocol
import Platform

/// What a server takes that has nothing to do.
enum IdleMemory {
  private static let connections = 1000

  static func run(_ bench: Bench) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let idle = try server.settledMemory()
    // One that is there already: what the first connection makes is made once.
    let first = try server.connect()
    defer { withExtendedLifetime(first) {} }
    let before = try server.settledMemory()
    var open: [OwnedDescriptor] = []
    for _ in 0..<connections {
      let socket = try UnixSocket.connect(server.home.socket)
      try LoadConnection(input: socket, output: socket).call(Initialize.self, .init(protocolVersions: ["1"]))
      open.append(socket)
    }
    let after = try server.settledMemory()
    let each = (after.resident - before.resident) / connections
    return try [
      Row("memory idle, resident", .bytes(idle.resident), target: .atMost(.bytes(30_000_000))),
      Row("memory idle, shared pages by share", .bytes(idle.proportional)),
      Row("memory of each of 1,000 idle connections", .bytes(each), target: .atMost(.bytes(16_384))),
    ] + besidePeers(idle, bench)
  }

  private static func besidePeers(_ idle: ProcessMemory, _ bench: Bench) throws -> [Row] {
    try LanguageServers.names.map { name in
      var row = Row("memory idle, resident, beside others", .bytes(idle.resident))
      row.beside = name
      guard let program = LanguageServers.find(name, scratch: bench.scratch) else { return row }
      let (process, connection) = try program.start(.stdio, scratch: bench.scratch)
      try connection.call("initialize", LanguageServers.initializeParams)
      let memory = try ProcessMemory.settled(of: process.processID)
      row.besideFigure = .bytes(memory.resident)
      row.ratio = Double(idle.resident) / Double(memory.resident)
      return row
    }
  }
}
