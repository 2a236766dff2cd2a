import BerthClient
import BerthProtocol
import CBench
import Glibc
import Platform

/// The stop of a tree that does not want to end: how long it takes, and what it leaves.
enum AppStopping {
  private static let graceSeconds = 2

  static func run(_ bench: Bench) throws -> [Row] {
    let flag = bench.scratch.newPath("resist")
    try SmallFile.replace(flag, with: [])
    // Whatever is left ends with it.
    defer { unlink(flag) }
    let command = "\(ChildProcess.ownProgram) resist \(flag)"
    let fleet = try Fleet(
      Fleet.entries("exec \(command) \(flag).own", count: 1, manifest: "stop_grace_s: \(graceSeconds)\n"), bench)
    defer { fleet.stop() }
    var (times, left): ([Double], Int) = ([], 0)
    for _ in 0..<bench.rounds {
      try fleet.ensureRunning()
      try waitForTree("\(flag).own")
      let began = Timestamp.monotonicNanoseconds()
      _ = try fleet.client.request(AppStop.self, .init(app: "app0"))
      times.append(Double(Timestamp.monotonicNanoseconds() - began))
      left = max(left, Resist.alive("\(flag).own"))
    }
    var row = Row("processes left of it", .count(left), target: .atMost(.count(0)))
    row.beside = Supervisord.name
    var slowest = Row(
      "stop of a hostile tree, \(graceSeconds) s of grace, slowest", .nanoseconds(times.max() ?? 0),
      target: .atMost(.nanoseconds(Double(graceSeconds + 1) * 1e9)))
    slowest.beside = Supervisord.name
    if let program = Supervisord.find() {
      let settings = ["stopwaitsecs=\(graceSeconds)", "stopasgroup=true", "killasgroup=true"]
      let entry = Supervisord.Entry(name: "app0", command: "\(command) \(flag).peer", settings: settings)
      let peer = try Supervisord(program, [entry], scratch: bench.scratch)
      defer {
        unlink(flag)
        peer.stop()
      }
      _ = try peer.waitUntilRunning(1, since: 0)
      try waitForTree("\(flag).peer")
      let began = Timestamp.monotonicNanoseconds()
      try peer.connect().stop(entry.name)
      slowest.besideFigure = .nanoseconds(Double(Timestamp.monotonicNanoseconds() - began))
      row.besideFigure = .count(Resist.alive("\(flag).peer"))
    }
    return [slowest, row]
  }

  private static func waitForTree(_ sign: String) throws {
    for _ in 0..<50 where Resist.alive(sign) == BERTH_RESISTING { return }
    throw BenchmarkFailure("the tree that does not want to end did not begin")
  }
}
