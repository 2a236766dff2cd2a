import Platform

/// From nothing to 50 running apps, beside supervisord with as many programs.
enum AppStarting {
  static func run(_ bench: Bench) throws -> [Row] {
    let peer = Supervisord.find()
    var (whole, own, peers): ([Double], [Double], [Double]) = ([], [], [])
    var others: [String: [Double]] = [:]
    for _ in 0..<bench.rounds {
      let began = Timestamp.monotonicNanoseconds()
      let fleet = try Fleet(Fleet.entries(Fleet.sleeping), bench)
      defer { fleet.stop() }
      own.append(try fleet.timeEnsureRunning())
      whole.append(Double(Timestamp.monotonicNanoseconds() - began))
      if let peer { peers.append(try time(peer, bench)) }
      for name in SleepKeeper.names { try time(name, bench).map { others[name, default: []].append($0) } }
    }
    let beside = peer == nil ? nil : Series(values: peers)
    let figure = { Figure.nanoseconds($0) }
    let what = "50 sleepers from nothing to up"
    return [
      Row(
        what, Series(values: own), beside: Supervisord.name, beside, target: .ratioAtMost(1), figure: figure)
    ]
      + SleepKeeper.names.map { name in
        Row(what, Series(values: own), beside: name, others[name].map(Series.init), figure: figure)
      } + [
        Row(
          "the same, with server's start and 50 manifests", Series(values: whole), beside: Supervisord.name, beside,
          figure: figure)
      ]
  }

  private static func time(_ program: String, _ bench: Bench) throws -> Double {
    let began = Timestamp.monotonicNanoseconds()
    let peer = try Supervisord(program, Supervisord.sleepers(Fleet.size), scratch: bench.scratch)
    defer { peer.stop() }
    return try peer.waitUntilRunning(Fleet.size, since: began)
  }
}

extension AppStarting {
  private static func time(_ name: String, _ bench: Bench) throws -> Double? {
    let began = Timestamp.monotonicNanoseconds()
    guard let keeper = try SleepKeeper(name, Fleet.size, scratch: bench.scratch) else { return nil }
    defer { keeper.stop() }
    return try keeper.waitUntilRunning(Fleet.size, since: began)
  }
}

extension Fleet {
  /// How long `ensureRunning` takes, in nanoseconds.
  fileprivate func timeEnsureRunning() throws -> Double {
    let began = Timestamp.monotonicNanoseconds()
    try ensureRunning()
    return Double(Timestamp.monotonicNanoseconds() - began)
  }
}
