import BerthClient
import BerthProtocol
import CBench
import Platform

/// All that one app writes, as fast as it can, to a client that follows.
enum AppFollowing {
  static func run(_ bench: Bench) throws -> [Row] {
    let fleet = try Fleet.writing(bench)
    defer { fleet.stop() }
    // Once without looking: the code that this needs is in memory then, and what is kept of every connection.
    _ = try fleet.follow(try fleet.install("app\(bench.rounds)"))
    let before = try fleet.server.settledMemory().resident
    var largest = before
    let rates = try (0..<bench.rounds).map { round in
      try bench.scratch.warmPageCache(bytes: AppDraining.warmBytes)
      let rate = try fleet.follow(try fleet.install("app\(round)"))
      largest = max(largest, try ProcessMemory(of: fleet.server.process.processID).resident)
      return rate
    }
    return [
      Row(
        "5 million lines to a client that follows", .bytesPerSecond(Series(values: rates).median),
        target: .atLeast(.bytesPerSecond(200e6))),
      Row("server's growth by that", .bytes(largest - before), target: .atMost(.bytes(10_000_000))),
    ]
  }
}

extension Fleet {
  /// - Returns: How many bytes of lines a second came, from the start of the app to the last line.
  fileprivate func follow(_ app: App) throws -> Double {
    let (follower, watcher) = (try server.connect(), try server.client())
    try follower.attach(app.stream, fromEnd: true)
    _ = try watcher.request(StreamAttach.self, .init(stream: "events", tail: 0))
    let began = Timestamp.monotonicNanoseconds()
    _ = try client.request(AppStart.self, .init(app: app.id))
    var lines = berth_lines()
    let status = berth_follow_lines(follower.connection, UInt64(AppDraining.lines), &lines)
    let seconds = Double(Timestamp.monotonicNanoseconds() - began) / 1e9
    withExtendedLifetime(follower) {}
    guard status == 0, lines.faults == 0 else {
      throw BenchmarkFailure("\(lines.count) lines came, \(lines.faults) of them not in their place")
    }
    try waitForEnd(of: app, watcher) {}
    try checkLines(of: app)
    return Double(AppDraining.payloadBytes) / seconds
  }
}
