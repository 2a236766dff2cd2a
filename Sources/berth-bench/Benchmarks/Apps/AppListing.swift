import BerthProtocol
import Platform

/// `app/list`, beside the same question to supervisord.
enum AppListing {
  private static let inFlight = 32
  private static let secondsPerTurn = 0.25
  private static let request = #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"app/list"}"#

  static func run(_ bench: Bench) throws -> [Row] {
    let fleet = try Fleet(Fleet.entries(Fleet.sleeping), bench)
    defer { fleet.stop() }
    try fleet.ensureRunning()
    let connection = try fleet.server.connect()
    let count = try connection.calibrated(request, inFlight: inFlight, seconds: secondsPerTurn)
    let peer = try Supervisord.find().map { program in
      try Supervisord(program, Supervisord.sleepers(Fleet.size), scratch: bench.scratch)
    }
    defer { peer?.stop() }
    _ = try peer?.waitUntilRunning(Fleet.size, since: 0)
    let connections = try peer.map { peer in try (0..<inFlight).map { _ in try peer.connect() } } ?? []
    let series = try Series.alternating([true, false], rounds: bench.rounds) { isOwn in
      isOwn ? try connection.rate(request, inFlight: inFlight, count: count) : try rate(connections)
    }
    return [
      Row(
        "app/list of 50 apps, 32 in flight", series[0], beside: Supervisord.name, peer == nil ? nil : series[1],
        target: .atLeast(.perSecond(20_000)), figure: Figure.perSecond)
    ]
  }

  /// One question on each connection at a time: more it does not take.
  private static func rate(_ connections: [SupervisordConnection]) throws -> Double {
    let began = Timestamp.monotonicNanoseconds()
    for connection in connections { try connection.sendAllProcessInfo() }
    for connection in connections { _ = try connection.receive() }
    return Double(connections.count) / (Double(Timestamp.monotonicNanoseconds() - began) / 1e9)
  }
}
