package import BerthProtocol
import JSON
import Jobs
import Platform
import Supervisor
import Workspaces

/// What is wanted of apps.
extension AppService {
  /// `app/start`.
  package func start(_ params: AppStart.Params) async throws -> AppStart.Result {
    let entry = try find(params.app, workspace: params.workspace)
    try checkMayRun(entry.record)
    try want(entry, immediately: true)
    return try await settled(entry, seconds: params.waitSeconds)
  }

  /// `app/restart`.
  package func restart(_ params: AppRestart.Params) async throws -> AppRestart.Result {
    let entry = try find(params.app, workspace: params.workspace)
    try checkMayRun(entry.record)
    if entry.record.desired != .running {
      try change(entry, event: EventType.appUpdated) { $0.desired = .running }
    }
    entry.process.restart()
    return try await settled(entry, seconds: params.waitSeconds)
  }

  /// `app/stop`.
  ///
  /// - Throws: `stop_failed` with the processes that are left.
  package func stop(_ params: AppStop.Params) async throws -> AppStop.Result {
    let entry = try find(params.app, workspace: params.workspace)
    try await stop(entry, graceSeconds: params.graceSeconds)
    return describe(entry.record)
  }

  /// `app/stopAll`: those first that others depend on last.
  package func stopAll(_ params: AppStopAll.Params) async throws -> AppStopAll.Result {
    let chosen = try members(of: params.workspace)
    for layer in layers(of: chosen) {
      await withTaskGroup { group in
        for entry in layer { group.addTask { try? await self.stop(entry, graceSeconds: params.graceSeconds) } }
      }
    }
    return outcome(chosen) { $0.state == .stopped }
  }

  /// `app/startAll`.
  package func startAll(_ params: AppStartAll.Params) async throws -> AppStartAll.Result {
    try checkIsActive(params.workspace)
    return try await run(try members(of: params.workspace), failed: [], seconds: params.waitSeconds)
  }

  /// `app/ensureRunning`.
  package func ensureRunning(_ params: AppEnsureRunning.Params) async throws -> AppEnsureRunning.Result {
    var failed: [AppOutcome] = []
    let chosen: [AppEntry]
    if let apps = params.apps {
      chosen = try apps.map { try find($0, workspace: params.workspace) }
    } else {
      guard let workspace = params.workspace else {
        throw ProtocolError(.invalidArgument, "Name the apps, or the workspace whose apps are meant.")
      }
      try checkIsActive(workspace)
      failed = try installFound(in: workspace)
      chosen = try members(of: workspace)
    }
    for workspace in Set(chosen.map { $0.record.workspace }) { try checkIsActive(workspace) }
    return try await run(chosen, failed: failed, seconds: params.waitSeconds)
  }

  // MARK: Parts

  /// Writes down that an app is wanted, and has it started where it is not on its way.
  func want(_ entry: AppEntry, immediately: Bool = false) throws {
    if entry.record.desired != .running {
      try change(entry, event: EventType.appUpdated) { $0.desired = .running }
    }
    entry.process.start(immediately: immediately)
  }

  private func run(
    _ chosen: [AppEntry], failed: [AppOutcome], seconds: Double
  ) async throws -> AppsOutcome {
    for entry in chosen { try want(entry) }
    let deadline = Timestamp.monotonicNanoseconds() + Int64(seconds * 1e9)
    for entry in chosen {
      await entry.process.synchronize()
      let rest = Double(deadline - Timestamp.monotonicNanoseconds()) / 1e9
      _ = try await entry.process.wait(seconds: rest) { $0.isSettled }
    }
    var outcome = outcome(chosen) { $0.state == .running || $0.state == .exited && $0.lastExit?.code == 0 }
    outcome.apps += failed
    outcome.ok = outcome.ok && failed.isEmpty
    return outcome
  }

  private func settled(_ entry: AppEntry, seconds: Double) async throws -> App {
    await entry.process.synchronize()
    _ = try await entry.process.wait(seconds: seconds) { $0.isSettled }
    return describe(entry.record)
  }

  func stop(_ entry: AppEntry, graceSeconds: Double?) async throws {
    if entry.record.desired != .stopped {
      try change(entry, event: EventType.appUpdated) { $0.desired = .stopped }
    }
    entry.process.stop(graceSeconds: graceSeconds)
    await entry.process.synchronize()
    // Its setup is of the app too.
    if let job = setups.job(of: entry.id) { _ = try? await jobs.cancel(JobCancel.Params(job: job)) }
    let end = try await entry.process.wait(seconds: nil) {
      $0.state == .stopped || $0.state == .stopFailed
    }
    guard end.state == .stopFailed else { return }
    throw ProtocolError(
      .stopFailed, "`\(entry.record.app)` could not be stopped. \(end.message ?? "") End them by hand, or try again.",
      extra: ["processes": .array(end.processes.map { .integer($0) })])
  }

  private func outcome(_ chosen: [AppEntry], isWanted: (ObservedProcess) -> Bool) -> AppsOutcome {
    let rows = chosen.map { entry in
      let record = entry.record
      let isAsWanted = isWanted(record.observed)
      return AppOutcome(
        id: record.id, app: record.app, ok: isAsWanted, state: record.observed.state, reason: record.observed.reason,
        message: record.observed.message, ports: appPorts(record),
        lines: isAsWanted || !record.observed.hasRun ? nil : lastLines(record.id))
    }
    return AppsOutcome(ok: rows.allSatisfy(\.ok), apps: rows)
  }

  private func members(of workspace: String?) throws -> [AppEntry] {
    guard let workspace else { return entries }
    let id = try workspaces.resolve(workspace).id
    return entries.filter { $0.record.workspace == id }
  }

  /// Those that nobody depends on first, then those that only they depend on, and so on.
  func layers(of chosen: [AppEntry]) -> [[AppEntry]] {
    var rest = chosen
    var layers: [[AppEntry]] = []
    while !rest.isEmpty {
      let records = rest.map(\.record)
      let needed = Set(
        records.flatMap { record in
          (record.manifest?.dependencies ?? []).map { "\(record.workspace)/\($0.app)" }
        })
      let free = rest.filter { !needed.contains("\($0.record.workspace)/\($0.record.app)") }
      // Apps that depend on each other are stopped together.
      guard !free.isEmpty else { return layers + [rest] }
      layers.append(free)
      rest.removeAll { entry in free.contains { $0 === entry } }
    }
    return layers
  }

  /// What can be said against a start at once.
  private func checkMayRun(_ record: AppRecord) throws {
    try checkIsActive(record.workspace)
  }

  private func checkIsActive(_ reference: String) throws {
    let workspace = try workspaces.resolve(reference)
    guard workspace.state != .archived else {
      throw ProtocolError(
        .workspaceArchived, "The workspace `\(workspace.slug)` is archived. Make it `active` first.")
    }
  }
}

extension ObservedProcess {
  /// Whether its state comes of a run, rather than of what comes before one.
  fileprivate var hasRun: Bool {
    switch reason {
    case .manifestInvalid, .environmentMissing, .folderMissing, .portTaken, .setupFailed, .setupTimeout, .dependency,
      .dependencyFailed:
      false
    default: true
    }
  }
}
