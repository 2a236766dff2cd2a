import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// All that one app writes, as fast as it can, kept on disk; beside supervisord with the same program.
enum AppDraining {
  static let lines = 5_000_000
  static let payloadBytes = lines * Lines.bytes
  /// As much as is written at most.
  static let warmBytes = payloadBytes * 2

  static func run(_ bench: Bench) throws -> [Row] {
    let fleet = try Fleet.writing(bench)
    defer { fleet.stop() }
    let peer = Supervisord.find()
    let before = try fleet.server.settledMemory()
    var (largest, largestWithCode) = (before.anonymous, before.resident)
    var (own, peers): ([Double], [Double]) = ([], [])
    for round in 0..<bench.rounds {
      let app = try fleet.install("app\(round)")
      try bench.scratch.warmPageCache(bytes: warmBytes)
      own.append(
        try fleet.drain(app) {
          let memory = try ProcessMemory(of: fleet.server.process.processID)
          largest = max(largest, memory.anonymous)
          largestWithCode = max(largestWithCode, memory.resident)
        })
      try bench.scratch.warmPageCache(bytes: warmBytes)
      if let peer { peers.append(try drain(peer, bench)) }
    }
    return [
      Row(
        "draining 5 million lines, kept", Series(values: own), beside: Supervisord.name,
        peer == nil ? nil : Series(values: peers), target: .ratioAtLeast(1), figure: Figure.bytesPerSecond),
      Row("server's growth meanwhile", .bytes(largest - before.anonymous), target: .atMost(.bytes(10_000_000))),
      Row("the same with code that was not used before", .bytes(largestWithCode - before.resident)),
    ]
  }

  private static func drain(_ program: String, _ bench: Bench) throws -> Double {
    let settings = [
      "autostart=false", "autorestart=false", "stdout_logfile=%(here)s/out", "stdout_logfile_maxbytes=0",
    ]
    let entry = Supervisord.Entry(name: "writer", command: Lines.command(lines), settings: settings)
    let peer = try Supervisord(program, [entry], scratch: bench.scratch)
    defer { peer.stop() }
    let connection = try peer.connect()
    let began = Timestamp.monotonicNanoseconds()
    try connection.start(entry.name)
    // Whoever asks all the time takes its time.
    while try connection.state(of: entry.name) != "EXITED" { usleep(20_000) }
    let seconds = Double(Timestamp.monotonicNanoseconds() - began) / 1e9
    var check = LineCheck(hasPrefix: false)
    try check.read(peer.folder + "/out")
    try check.expect(lines)
    return Double(payloadBytes) / seconds
  }
}

extension Fleet {
  /// With an app a round that writes and ends, and nothing of it thrown away.
  static func writing(_ bench: Bench) throws -> Fleet {
    let command = "exec \(Lines.command(AppDraining.lines))"
    return try Fleet(
      entries(command, count: bench.rounds + 1, manifest: "restart: never\n"), bench,
      config: ["apps": ["logFiles": 1000]])
  }

  /// Starts the app, waits for its end, and makes sure that all of its lines are there.
  ///
  /// - Parameter watch: Called now and then meanwhile.
  /// - Returns: How many bytes a second it wrote.
  fileprivate func drain(_ app: App, watch: () throws -> Void) throws -> Double {
    let client = try server.client()
    _ = try client.request(StreamAttach.self, .init(stream: "events", tail: 0))
    let began = Timestamp.monotonicNanoseconds()
    _ = try client.request(AppStart.self, .init(app: app.id))
    try waitForEnd(of: app, client, watch: watch)
    let seconds = Double(Timestamp.monotonicNanoseconds() - began) / 1e9
    try checkLines(of: app)
    return Double(AppDraining.payloadBytes) / seconds
  }

  /// - Parameter client: One that follows `events`.
  func waitForEnd(of app: App, _ client: Client, watch: () throws -> Void) throws {
    while true {
      guard let notification = try client.nextNotification(timeoutSeconds: 0.1) else {
        try watch()
        continue
      }
      guard notification.method == "app/stateChanged", let state = notification.params["app"]?["state"]?.stringValue,
        state != "running", state != "starting", state != "setting_up", state != "waiting"
      else { continue }
      guard state == "exited" else {
        throw BenchmarkFailure("the app is \(state): \(try self.app(app.id).message ?? "")")
      }
      return
    }
  }

  /// Makes sure that the log has all lines, and removes it.
  func checkLines(of app: App) throws {
    let folder = logFolder(of: app)
    var check = LineCheck(hasPrefix: true)
    try check.readFolder(folder)
    try check.expect(AppDraining.lines)
    Scratch.removeFolder(folder)
  }
}
