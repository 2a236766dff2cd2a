import BerthProtocol
import JSON

/// What lies between an agent's writing and a client's reading.
enum AgentDelay {
  private static let perSecond = 1000
  private static let pieces = 5000

  static func run(_ bench: Bench) throws -> [Row] {
    let troupe = try Troupe(["speaker": Troupe.speaker(pieces, perSecond: perSecond)], bench)
    defer { troupe.server.stop() }
    var delays: [UInt64] = []
    for _ in 0..<bench.rounds {
      let run = try troupe.start("speaker")
      let followers = try troupe.follow(run, 1)
      var deliveries = Deliveries(stream: run.stream, form: .piece)
      delays += try deliveries.takeIn(pieces, to: followers, keepsDelays: true).delays
      try troupe.end(run)
    }
    return [
      Row(
        "an agent's piece on its way, p50", .nanoseconds(Double(delays.percentile(50))),
        target: .atMost(.nanoseconds(1e6))),
      Row("the same, p99", .nanoseconds(Double(delays.percentile(99))), target: .atMost(.nanoseconds(5e6))),
    ]
  }
}
