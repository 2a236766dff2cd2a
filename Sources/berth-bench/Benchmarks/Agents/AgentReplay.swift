import BerthClient
import BerthProtocol
import JSON
import Platform

/// A client that comes when everything has been said.
enum AgentReplay {
  private static let pieces = 1_000_000

  static func run(_ bench: Bench) throws -> [Row] {
    let troupe = try Troupe(["speaker": Troupe.speaker(pieces)], bench)
    defer { troupe.server.stop() }
    let run = try troupe.start("speaker")
    try troupe.end(run)
    var first: [Double] = []
    let rates = try (0..<bench.rounds).map { _ in
      let client = try troupe.server.client()
      let began = Timestamp.monotonicNanoseconds()
      _ = try client.request(StreamAttach.self, .init(stream: run.stream))
      guard try client.nextNotification(timeoutSeconds: 20) != nil else { throw BenchmarkFailure("nothing came") }
      first.append(Double(Timestamp.monotonicNanoseconds() - began))
      let followers = try troupe.follow(run, 1)
      var deliveries = Deliveries(stream: run.stream, form: .piece)
      return Double(pieces) / (try deliveries.takeIn(pieces, to: followers).seconds)
    }
    return [
      Row(
        "attach to a run of a million events, to the first", .nanoseconds(Series(values: first).median),
        target: .atMost(.nanoseconds(10e6))),
      Row("to all of them", .perSecond(Series(values: rates).median), target: .atLeast(.perSecond(300_000))),
    ]
  }
}
