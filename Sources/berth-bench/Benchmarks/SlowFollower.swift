import BerthProtocol
import Platform

/// What one follower that does not read costs the server and the others.
enum SlowFollower {
  private static let events = 1_000_000
  private static let perSecond = 50_000
  private static let batch = 500
  /// How much slower the others may be served before it counts as a delay: more than what two runs differ by anyhow.
  private static let tolerance = 1.5

  static func run(_ bench: Bench) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let appender = try server.connect()
    var deliveries = Deliveries(stream: "custom/bench")
    _ = try deliveries.run(batch, from: appender, to: [], batch: batch)
    let others = try (0..<2).map { _ in
      let connection = try server.connect()
      try connection.attach(deliveries.stream, fromEnd: true)
      return connection
    }
    let perTurn = events / 4
    func turn() throws -> [UInt64] {
      try deliveries.run(
        perTurn, from: appender, to: others, batch: batch, perSecond: perSecond, keepsDelays: true
      ).delays
    }
    // Once without looking, and until what the server keeps of every stream is full.
    _ = try turn()
    let without = try turn()
    let before = try server.settledMemory()
    let missed = deliveries.next
    let stuck = try server.connect()
    try stuck.attach(deliveries.stream, fromEnd: true)
    var largest = before.resident
    var with: [UInt64] = []
    for _ in 0..<4 {
      with += try turn()
      largest = max(largest, try ProcessMemory(of: server.process.processID).resident)
    }
    // It has missed nothing.
    try deliveries.takeIn(to: stuck, from: missed)
    let p99 = (
      with: Series(values: [Double(with.percentile(99))]), without: Series(values: [Double(without.percentile(99))])
    )
    return [
      Row(
        "server's growth by a follower that does not read", .bytes(largest - before.resident),
        target: .atMost(.bytes(10_000_000))),
      Row(
        "delivery to the others meanwhile, p99", p99.with, beside: "without it", p99.without,
        target: .ratioAtMost(tolerance), figure: Figure.nanoseconds),
    ]
  }
}
