/// `server/ping` beside the smallest request of others.
enum Pings {
  private static let secondsPerTurn = 0.25
  private static let roundTripsPerTurn = 2000

  /// How many are answered in a second, with 32 in flight.
  static func throughput(_ bench: Bench) throws -> [Row] {
    try overEachTransport(bench) { transport, contestants in
      let turns = try contestants.map { contestant in
        let connection = contestant.connection
        let count = try connection?.calibrated(contestant.request, inFlight: 32, seconds: secondsPerTurn)
        return (contestant, count ?? 0)
      }
      let series = try Series.alternating(turns, rounds: bench.rounds) { contestant, count in
        try contestant.connection?
          .rate(contestant.request, inFlight: 32, count: count, fails: contestant.fails) ?? 0
      }
      return rows("ping, 32 in flight, \(transport.text)", contestants, series, figure: Figure.perSecond) { name in
        switch name {
        case "clangd": .ratioAtLeast(1)
        case "sourcekit-lsp": .ratioAtLeast(12)
        default: nil
        }
      }
    }
  }

  /// How long one takes, at the median and for the slowest hundredth.
  static func roundTrips(_ bench: Bench) throws -> [Row] {
    try overEachTransport(bench) { transport, contestants in
      var slowest = [[Double]](repeating: [], count: contestants.count)
      let series = try Series.alternating(Array(contestants.enumerated()), rounds: bench.rounds) { index, contestant in
        let count = contestant.name == "pygls" ? roundTripsPerTurn / 10 : roundTripsPerTurn
        guard let times = try contestant.connection?.roundTrips(contestant.request, count: count) else { return 0 }
        slowest[index].append(Double(times.percentile(99)))
        return Double(times.percentile(50))
      }
      let figure = { Figure.nanoseconds($0) }
      return rows("ping, round trip p50, \(transport.text)", contestants, series, figure: figure) { name in
        switch name {
        case "clangd": .ratioAtMost(1.5)
        case "sourcekit-lsp": .ratioAtMost(0.2)
        default: nil
        }
      }
        + rows("ping, round trip p99, \(transport.text)", contestants, slowest.map(Series.init), figure: figure) { _ in
          nil
        }
    }
  }

  private static func overEachTransport(
    _ bench: Bench, _ measure: (Transport, [Contestant]) throws -> [Row]
  ) throws -> [Row] {
    try Transport.allCases.flatMap { transport in
      let server = try bench.startServer()
      defer { server.stop() }
      return try measure(transport, try Contestant.all(transport, bench, server: server))
    }
  }

  private static func rows(
    _ what: String, _ contestants: [Contestant], _ series: [Series], figure: (Double) -> Figure,
    target: (String) -> Target?
  ) -> [Row] {
    zip(contestants, series).dropFirst().map { contestant, peer in
      Row(
        what, series[0], beside: contestant.name, contestant.connection == nil ? nil : peer,
        target: target(contestant.name), figure: figure)
    }
  }
}
