import BerthProtocol

/// Events through a stream that is kept: to those who follow it, and to one that comes later.
enum Journals {
  private static let events = 1_000_000
  private static let followers = 4
  private static let batch = 1000

  static func run(_ bench: Bench) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let appender = try server.connect()
    var deliveries = Deliveries(stream: "custom/bench")
    _ = try deliveries.run(batch, from: appender, to: [], batch: batch)
    let attached = try (0..<followers).map { _ in
      let connection = try server.connect()
      try connection.attach(deliveries.stream, fromEnd: true)
      return connection
    }
    let perRound = events / bench.rounds
    let delivered = try Series.alternating([appender], rounds: bench.rounds) { appender in
      Double(perRound) / (try deliveries.run(perRound, from: appender, to: attached, batch: batch).seconds)
    }
    let replayed = try Series.alternating([deliveries], rounds: bench.rounds) { deliveries in
      let follower = try server.connect()
      try follower.attach(deliveries.stream, fromEnd: false)
      return Double(deliveries.next) / (try deliveries.takeIn(to: follower, from: 0).seconds)
    }
    return [
      Row(
        "events appended, each delivered to 4", .perSecond(delivered[0].median), target: .atLeast(.perSecond(100_000))),
      Row("replay of a million events", .perSecond(replayed[0].median), target: .atLeast(.perSecond(300_000))),
    ]
  }
}
