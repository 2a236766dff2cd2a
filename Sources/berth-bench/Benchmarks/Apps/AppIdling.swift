import Glibc
import Platform

/// What a server and the processes that hold 50 apps compute while nothing happens but that the apps are probed.
enum AppIdling {
  private static let seconds = 10

  static func run(_ bench: Bench) throws -> [Row] {
    let manifest = """
      ports: {http: {}}
      probes:
        liveness: {http: /, interval_s: 10}

      """
    let entries = Fleet.entries("exec \(ChildProcess.ownProgram) answer $PORT", manifest: manifest)
    let fleet = try Fleet(entries, bench)
    defer { fleet.stop() }
    try fleet.ensureRunning()
    let own = [fleet.server.process.processID] + fleet.shims
    var row = Row("processor time in 10 s, 50 apps probed", .nanoseconds(0), target: .atMost(.nanoseconds(0.05e9)))
    row.beside = "\(Supervisord.name), without probes"
    let peer = try Supervisord.find().map { program in
      try Supervisord(program, Supervisord.sleepers(Fleet.size), scratch: bench.scratch)
    }
    defer { peer?.stop() }
    _ = try peer?.waitUntilRunning(Fleet.size, since: 0)
    let others = peer.map { [$0.process.processID] } ?? []
    // What the start has set going comes to an end first.
    sleep(2)
    let before = (try ProcessTable.processorNanoseconds(of: own), try ProcessTable.processorNanoseconds(of: others))
    sleep(UInt32(seconds))
    let after = (try ProcessTable.processorNanoseconds(of: own), try ProcessTable.processorNanoseconds(of: others))
    row.figure = .nanoseconds(Double(after.0 - before.0))
    row.besideFigure = peer.map { _ in .nanoseconds(Double(after.1 - before.1)) }
    return [row]
  }
}
