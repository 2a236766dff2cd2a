import Platform

/// What a server and the processes that hold 50 apps take together, without the apps themselves.
enum AppMemory {
  private static let allowance = Figure.bytes(20_000_000)

  static func run(_ bench: Bench) throws -> [Row] {
    let fleet = try Fleet(Fleet.entries(Fleet.sleeping), bench)
    defer { fleet.stop() }
    try fleet.ensureRunning()
    let shims = fleet.shims
    guard shims.count == Fleet.size else { throw BenchmarkFailure("\(Fleet.size) apps have \(shims.count) shims") }
    let server = try fleet.server.settledMemory().proportional
    let holding = try shims.reduce(0) { try $0 + ProcessMemory(of: $1).proportional }
    var whole = Row("memory of server and 50 shims, PSS", .bytes(server + holding), target: .aboveAtMost(allowance))
    whole.beside = Supervisord.name
    if let program = Supervisord.find() {
      let peer = try Supervisord(program, Supervisord.sleepers(Fleet.size), scratch: bench.scratch)
      defer { peer.stop() }
      _ = try peer.waitUntilRunning(Fleet.size, since: 0)
      let memory = try ProcessMemory.settled(of: peer.process.processID).proportional
      whole.besideFigure = .bytes(memory)
      whole.ratio = Double(server + holding) / Double(memory)
    }
    let others = try SleepKeeper.names.map { name in
      var row = Row(whole.what, whole.figure)
      row.beside = name
      guard let keeper = try SleepKeeper(name, Fleet.size, scratch: bench.scratch) else { return row }
      defer { keeper.stop() }
      _ = try keeper.waitUntilRunning(Fleet.size, since: 0)
      let memory = try keeper.memory()
      row.besideFigure = .bytes(memory)
      row.ratio = whole.figure.value / Double(memory)
      return row
    }
    return [whole] + others + [
      Row("memory of a shim, PSS", .bytes(holding / shims.count), target: .atMost(.bytes(300_000)))
    ]
  }
}
