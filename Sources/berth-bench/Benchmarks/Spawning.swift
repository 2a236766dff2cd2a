import BerthProtocol
import Glibc
import Platform

/// From the start of a process until it has answered `initialize`, as an editor waits for it.
enum Spawning {
  private static let turnsPerRound = 4

  private struct Starter {
    let name: String
    /// Nil for what is not on this machine.
    let program: Program?
    /// Ends what was left running in the background.
    var finish: () throws -> Void = {}
  }

  static func run(_ bench: Bench) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let starters =
      try own(bench, server)
      + LanguageServers.names.map {
        Starter(name: $0, program: LanguageServers.find($0, scratch: bench.scratch))
      }
    // Once without looking: the programs are then in memory for all.
    for starter in starters { _ = try time(starter, bench) }
    let series = try Series.alternating(starters, rounds: bench.rounds * turnsPerRound) { try time($0, bench) }
    let named = Dictionary(uniqueKeysWithValues: zip(starters.map(\.name), series))
    var rows: [Row] = []
    for (starter, own) in zip(starters, series).prefix(3) {
      let what = "spawn to initialize, p50, \(starter.name)"
      // Where a server must be started first, nothing is promised.
      let isFirst = starter.name == "starting a server"
      if !isFirst { rows.append(Row(what, .nanoseconds(own.median), target: .atMost(.nanoseconds(25e6)))) }
      for peer in starters.dropFirst(3) {
        let target = peer.name == "sourcekit-lsp" && !isFirst ? Target.ratioAtMost(1) : nil
        rows.append(
          Row(
            what, own, beside: peer.name, peer.program == nil ? nil : named[peer.name], target: target,
            figure: Figure.nanoseconds))
      }
    }
    return rows
  }

  /// The three ways in which an editor's `berth serve --stdio` comes to a server.
  private static func own(_ bench: Bench, _ server: BerthServer) throws -> [Starter] {
    let program = { (home: Home, more: [String]) in
      Program(name: "Berth", path: bench.program, arguments: ["serve", "--stdio", "--home", home.path] + more)
    }
    let (ownHome, freshHome) = (bench.scratch.newHome(), bench.scratch.newHome())
    return [
      Starter(name: "joining", program: program(server.home, [])),
      Starter(name: "in process", program: program(ownHome, ["--in-process"])),
      Starter(name: "starting a server", program: program(freshHome, [])) {
        try bench.scratch.run(bench.program, ["stop", "--home", freshHome.path])
      },
    ]
  }

  private static func time(_ starter: Starter, _ bench: Bench) throws -> Double {
    guard let program = starter.program else { return 0 }
    let began = Timestamp.monotonicNanoseconds()
    let process = try start(program, bench)
    let took = Timestamp.monotonicNanoseconds() - began
    bench.scratch.wait(for: process)
    try starter.finish()
    return Double(took)
  }

  /// - Returns: A process that has answered and is about to end: its input is closed.
  private static func start(_ program: Program, _ bench: Bench) throws -> ChildProcess {
    let (process, connection) = try program.start(.stdio, scratch: bench.scratch)
    try connection.call("initialize", LanguageServers.initializeParams)
    return process
  }
}
