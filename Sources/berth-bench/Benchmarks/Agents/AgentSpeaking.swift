import BerthProtocol
import JSON
import Platform

/// All that an ACP agent says, as fast as it can, kept and delivered.
enum AgentSpeaking {
  private static let pieces = 200_000
  private static let followers = 4

  static func run(_ bench: Bench) throws -> [Row] {
    let troupe = try Troupe(["speaker": Troupe.speaker(pieces)], bench)
    defer { troupe.server.stop() }
    // Once without looking: what the server keeps of every stream and connection is full then.
    _ = try rate(of: troupe)
    let before = try troupe.server.settledMemory().resident
    var largest = before
    let rates = try (0..<bench.rounds).map { _ in
      let rate = try rate(of: troupe)
      largest = max(largest, try ProcessMemory(of: troupe.server.process.processID).resident)
      return rate
    }
    return [
      Row(
        "an agent's pieces, each delivered to \(followers)", .perSecond(Series(values: rates).median),
        target: .atLeast(.perSecond(50_000))),
      Row("server's growth by that", .bytes(largest - before), target: .atMost(.bytes(10_000_000))),
    ]
  }

  /// How many pieces a second came to each follower, from the start of the run.
  private static func rate(of troupe: Troupe) throws -> Double {
    let connections = try (0..<followers).map { _ in try troupe.server.connect() }
    let began = Timestamp.monotonicNanoseconds()
    let run = try troupe.start("speaker")
    for connection in connections {
      try connection.attach(run.stream, fromEnd: false, types: [EventType.messageDelta])
    }
    var deliveries = Deliveries(stream: run.stream, form: .piece)
    _ = try deliveries.takeIn(pieces, to: connections)
    let seconds = Double(Timestamp.monotonicNanoseconds() - began) / 1e9
    try troupe.end(run)
    return Double(pieces) / seconds
  }
}
