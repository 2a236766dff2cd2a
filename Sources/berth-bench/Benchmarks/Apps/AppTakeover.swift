import BerthClient
import BerthProtocol
import Glibc
import Platform

/// `kill -9` of a server at any moment: how soon the next one has all apps, and whether anything was lost.
enum AppTakeover {
  private static let pauseMicroseconds = 10_000
  /// When the server is killed: after so long at most.
  private static let patienceMicroseconds: UInt32 = 300_000

  static func run(_ bench: Bench) throws -> [Row] {
    let command = "exec \(Lines.command(.max, pauseMicroseconds: pauseMicroseconds))"
    let leaver = Fleet.Entry(
      name: "leaver", command: "read code <orders; exit $code", manifest: "restart: never\n")
    let fleet = try Fleet(Fleet.entries(command) + [leaver], bench)
    defer { fleet.stop() }
    let orders = "\(fleet.workspace.path)/leaver/orders"
    guard mkfifo(orders, 0o600) == 0 else { throw SystemError("mkfifo", path: orders) }
    try fleet.ensureRunning()
    let processes = fleet.writers
    guard processes.count == Fleet.size else { throw BenchmarkFailure("\(processes.count) of \(Fleet.size) apps run") }
    var times: [Double] = []
    var (doubled, statusesLost) = (0, 0)
    for kill in 1...bench.kills {
      let code = kill % 100 + 1
      usleep(.random(in: 0...patienceMicroseconds))
      fleet.killServer()
      try fleet.dismiss("leaver", orders, code)
      // Now and then the next one does not come far either.
      if kill % 4 == 0 { try fleet.startServerInVain(forMicroseconds: .random(in: 0...patienceMicroseconds)) }
      let began = Timestamp.monotonicNanoseconds()
      try fleet.startServer()
      try fleet.ensureWritersRunning()
      times.append(Double(Timestamp.monotonicNanoseconds() - began))
      doubled += fleet.writers.symmetricDifference(processes).count
      if try fleet.app("leaver").lastExit?.code != code { statusesLost += 1 }
      _ = try fleet.client.request(AppStart.self, .init(app: "leaver", waitSeconds: 10))
    }
    guard fleet.shims.count == Fleet.size + 1 else { throw BenchmarkFailure("there are \(fleet.shims.count) shims") }
    let peers = try Supervisord.find().map { try doubledByRestart($0, bench) }
    var processRow = Row(
      "processes doubled or lost by that", .count(doubled), target: .atMost(.count(0)))
    processRow.beside = "\(Supervisord.name), once"
    processRow.besideFigure = peers.map { .count($0) }
    return try [
      Row(
        "50 apps taken over after kill -9, \(bench.kills) times, p50", .nanoseconds(times.percentile(50))),
      Row("the slowest", .nanoseconds(times.max() ?? 0), target: .atMost(.nanoseconds(1e9))),
      processRow,
      Row("exit statuses lost", .count(statusesLost), target: .atMost(.count(0))),
      Row("log lines lost or doubled", .count(fleet.stopAndFindFaults()), target: .atMost(.count(0))),
    ]
  }

  /// How many processes too many there are after supervisord was killed and started again. They sleep: those that write
  /// end, for nobody reads any more.
  private static func doubledByRestart(_ program: String, _ bench: Bench) throws -> Int {
    let peer = try Supervisord(program, Supervisord.sleepers(Fleet.size), scratch: bench.scratch)
    defer { peer.stop() }
    _ = try peer.waitUntilRunning(Fleet.size, since: 0)
    try peer.killAndRestart()
    _ = try peer.waitUntilRunning(Fleet.size, since: 0)
    return ProcessTable.using(peer.folder).count - 1 - Fleet.size
  }
}

extension Fleet {
  private var names: [String] { (0..<Self.size).map { "app\($0)" } }

  /// The processes that write lines.
  fileprivate var writers: Set<Int32> {
    Set(ProcessTable.running(" lines \(Int.max) ", in: workspace.path))
  }

  fileprivate func ensureWritersRunning() throws {
    let outcome = try client.request(AppEnsureRunning.self, .init(workspace: workspace.id, apps: names))
    guard outcome.ok else { throw BenchmarkFailure("not all apps run after a takeover") }
  }

  /// Has an app end that waits for the exit code, and waits until it is gone.
  fileprivate func dismiss(_ name: String, _ orders: String, _ code: Int) throws {
    let folder = "\(workspace.path)/\(name)"
    let pipe = open(orders, O_WRONLY | O_CLOEXEC)
    guard pipe >= 0 else { throw SystemError("open", path: orders) }
    let order = Array("\(code)\n".utf8)
    let written = write(pipe, order, order.count)
    close(pipe)
    guard written == order.count else { throw SystemError("write", path: orders) }
    while !ProcessTable.using(folder).isEmpty { usleep(1000) }
  }

  /// Stops the writers and looks through all that they have written.
  fileprivate func stopAndFindFaults() throws -> Int {
    _ = try client.request(AppStopAll.self, .init(workspace: workspace.id, graceSeconds: 5))
    return try names.reduce(0) { sum, name in
      var check = LineCheck(hasPrefix: true)
      try check.readFolder(logFolder(of: try app(name)))
      guard check.count > 0 else { throw BenchmarkFailure("\(name) has written nothing") }
      return sum + check.faults
    }
  }
}
