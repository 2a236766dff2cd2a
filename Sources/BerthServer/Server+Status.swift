import Agents
import Apps
import JSONRPC
import Synchronization
import BerthProtocol
import Jobs
import Platform
import Storage
import Streams
import Workspaces

extension Server {
  /// How the server is. Each check is made now, and tells how long it took.
  func status() -> ServerState {
    let checks = [
      check("database") {
        try domains.database.checkWritable()
        return (.ok, "writable")
      },
      check("disk") {
        let space = try DiskSpace(of: options.home.path)
        let free = space.freeBytes >> 20
        let message = "\(free) MiB free"
        return (free < 64 ? .failing : free < 1024 ? .warning : .ok, message)
      },
      check("clock", clock),
      check("config") {
        config.fault.map { (.warning, "\($0.message); the last good configuration stays in force") } ?? (
          .ok, "in force"
        )
      },
      check("children") {
        let children = ProcessStatus.children
        return (.ok, children.isEmpty ? "none" : "\(children.count) running")
      },
    ]
    let memory = ProcessStatus.memory
    let sessions = state.withLock { Array($0.sessions.values) }
    return ServerState(
      version: Self.version,
      instanceId: instanceID,
      pid: ProcessStatus.processID,
      home: options.home.path,
      socket: state.withLock { $0.socket },
      startedAt: Timestamp.string(nanosecondsSince1970: startedNanoseconds),
      uptimeSeconds: Double(Timestamp.monotonicNanoseconds() - startedMonotonic) / 1e9,
      health: checks.map(\.state).max { $0.rank < $1.rank } ?? .ok,
      checks: checks,
      counts: ServerCounts(
        connections: sessions.count,
        inFlight: sessions.reduce(0) { $0 + $1.1.inFlight },
        attachments: sessions.reduce(0) { $0 + $1.0.attachments.count },
        watches: domains.watches.count,
        workspaces: domains.workspaces.count,
        snapshots: (try? domains.snapshots.count()) ?? 0,
        streams: (try? domains.streams.count()) ?? 0,
        jobs: (try? domains.jobs.count()) ?? 0,
        runningJobs: domains.jobs.runningCount,
        apps: domains.apps.count,
        runningApps: domains.apps.runningCount,
        runs: domains.agents.activeCount,
        children: ProcessStatus.children.count),
      memory: ServerMemory(residentBytes: memory.residentBytes, peakBytes: memory.peakBytes))
  }

  private func check(_ name: String, _ body: () throws -> (Health, String)) -> HealthCheck {
    let began = Timestamp.monotonicNanoseconds()
    let (state, message): (Health, String)
    do {
      (state, message) = try body()
    } catch {
      (state, message) = (.failing, (error as? ProtocolError)?.message ?? "\(error)")
    }
    let nanoseconds = Timestamp.monotonicNanoseconds() - began
    return HealthCheck(name: name, state: state, message: message, durationMs: Double(nanoseconds / 1000) / 1000)
  }

  /// Whether the wall clock has run with the steady one since the start; a jump makes times in streams misleading.
  private func clock() -> (Health, String) {
    let wall = Timestamp.nanosecondsNow() - startedNanoseconds
    let steady = Timestamp.monotonicNanoseconds() - startedMonotonic
    let drift = Double(wall - steady) / 1e9
    return abs(drift) < 5 ? (.ok, "steady") : (.warning, "was set by \(Int(drift)) s since the server started")
  }
}

extension Health {
  fileprivate var rank: Int {
    switch self {
    case .ok: 0
    case .warning: 1
    case .failing: 2
    }
  }
}
