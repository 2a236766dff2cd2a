package import BerthProtocol
import Documents
import Jobs
import Platform
import Streams
package import Supervisor
import Workspaces

/// What happens before a start.
extension AppService: ProcessOwner {
  package func prepare(
    _ id: String, tell: @escaping @Sendable (AppState, AppReason?, String?) -> Void
  ) async throws -> ProcessLaunch {
    guard let entry = entry(id: id) else { throw PreparationFailure(.folderMissing, "The app is not installed.") }
    let (record, manifest, directory) = try read(entry)
    guard let command = manifest.start.command else {
      throw PreparationFailure(.manifestInvalid, "\(record.manifestPath) says nothing of how the app is started.")
    }
    try lease(manifest, of: record)
    let environment = try completeEnvironment(of: record, manifest)
    try await setUp(entry, manifest) { tell(.settingUp, .requested, $0) }
    try await waitForDependencies(of: record, manifest, tell)
    return launch(record, manifest, environment, directory: directory, command: command)
  }

  package func observed(_ id: String, _ process: ObservedProcess) {
    guard let entry = entry(id: id) else { return }
    let before = entry.record.observed.state
    let hasNewState = process.state != before
    let take: (inout AppRecord) -> Void = { record in
      if hasNewState { record.since = Timestamp.now() }
      record.observed = process
      record.boot = ProcessIdentity.boot
      record.nextTryAt = process.retrySeconds.map {
        Timestamp.string(nanosecondsSince1970: Timestamp.nanosecondsNow() + Int64($0 * 1e9))
      }
    }
    do {
      try change(entry, event: hasNewState ? EventType.appState : EventType.appUpdated, take)
    } catch {
      // The disk is full, perhaps. What is seen is true all the same.
      see(entry, take)
    }
    if hasNewState { tellObservers(summary(entry.record), before: before) }
  }

  package func wroteOutput(_ id: String) {
    entry(id: id)?.output.noteGrowth()
  }

  package func lastLines(_ id: String) -> [String] {
    guard let entry = entry(id: id) else { return [] }
    return entry.output.lastLines(10, since: entry.process.observed.startedAt)
  }

  // MARK: Steps

  /// Reads the manifest anew.
  func read(_ entry: AppEntry) throws(PreparationFailure) -> (AppRecord, Manifest, directory: String) {
    let folder: AppFolder
    let found: (name: String, reading: ManifestReading)
    do {
      folder = try self.folder(of: entry.record)
      found = try folder.manifest()
    } catch {
      let error = ProtocolError(describing: error)
      let isManifest = error.type == .manifestInvalid || error.type == .manifestNotFound
      throw PreparationFailure(isManifest ? .manifestInvalid : .folderMissing, error.message)
    }
    guard let manifest = found.reading.manifest else {
      throw PreparationFailure(.manifestInvalid, found.reading.rendered(file: folder.path(of: found.name)))
    }
    let text = found.reading.source.bytes
    do {
      var record = entry.record
      if record.manifestText != String(decoding: text, as: UTF8.self) || record.manifestFile != found.name {
        record = try change(entry, event: EventType.appUpdated) { record in
          record.take(manifest, file: found.name, text: text)
        }
      }
      return (record, manifest, folder.directory.realPath)
    } catch {
      throw PreparationFailure(.manifestInvalid, ProtocolError(describing: error).message)
    }
  }

  func folder(of record: AppRecord) throws -> AppFolder {
    try AppFolder(record.folder, in: workspaces.open(record.workspace, for: .read))
  }

  /// Leases what the manifest asks for, and gives up what it does not ask for any more.
  private func lease(_ manifest: Manifest, of record: AppRecord) throws(PreparationFailure) {
    do {
      try ports.release(app: record.id, keeping: Set(manifest.ports.map(\.name)))
      for port in manifest.ports {
        switch port.number {
        case .any: _ = try ports.reserve(app: record.id, name: port.name)
        case .fixed(let number):
          _ = try ports.reserve(
            app: record.id, name: port.name, port: number, nameOf: { self.name(of: $0, in: record.workspace) })
        case .preferred(let number): _ = try ports.prefer(number, app: record.id, name: port.name)
        }
        _ = try ports.confirm(app: record.id, name: port.name) { self.owner(of: $0)?.id == record.id }
      }
    } catch {
      throw PreparationFailure(.portTaken, ProtocolError(describing: error).message)
    }
  }

  // MARK: Dependencies

  private func waitForDependencies(
    of record: AppRecord, _ manifest: Manifest, _ tell: @escaping @Sendable (AppState, AppReason?, String?) -> Void
  ) async throws {
    if let circle = circle(from: record.app, in: record.workspace) {
      throw PreparationFailure(
        .dependencyFailed, "Apps wait for each other: \(circle.joined(separator: " → ")). Mend `depends_on` of one.")
    }
    for dependency in manifest.dependencies {
      guard let other = try? find(dependency.app, workspace: record.workspace) else {
        throw PreparationFailure(
          .dependencyFailed, "It depends on the app `\(dependency.app)`, which the workspace does not have.")
      }
      let condition = dependency.condition
      // What an earlier server saw of it counts for nothing.
      await other.process.synchronize()
      if condition.isFulfilled(by: other.process.observed) { continue }
      try want(other)
      // What it was before the start counts for nothing.
      await other.process.synchronize()
      while !condition.isFulfilled(by: other.process.observed) {
        let seen = other.process.changes.value
        let now = other.process.observed
        if now.isSettled, !condition.isFulfilled(by: now), !condition.canCome(to: now) {
          tell(
            .waiting, .dependencyFailed,
            "It waits for `\(dependency.app)`, which is \(now.state.rawValue)\(now.message.map { ": \($0)" } ?? ".")")
        } else {
          tell(.waiting, .dependency, "It waits for `\(dependency.app)` to be \(condition.rawValue).")
        }
        if condition.isFulfilled(by: other.process.observed) { break }
        try await other.process.changes.wait(past: seen)
      }
    }
  }

  /// Apps that wait for each other, beginning and ending with this one; nil where there are none.
  private func circle(from app: String, in workspace: String) -> [String]? {
    var dependencies: [String: [String]] = [:]
    for entry in entries {
      let record = entry.record
      if record.workspace == workspace { dependencies[record.app] = record.manifest?.dependencies.map(\.app) ?? [] }
    }
    var seen: Set<String> = []
    func path(from name: String) -> [String]? {
      for next in dependencies[name] ?? [] {
        if next == app { return [name, next] }
        if seen.insert(next).inserted, let rest = path(from: next) { return [name] + rest }
      }
      return nil
    }
    return path(from: app)
  }

  // MARK: Launch

  func launch(
    _ record: AppRecord, _ manifest: Manifest, _ environment: ManifestEnvironment, directory: String, command: String
  ) -> ProcessLaunch {
    let config = config()
    var specification = ShimSpecification(
      id: record.id, arguments: ShellCommand.arguments(command),
      // As a shell has it, which is not always there.
      environment: environment.assignments.filter { !$0.hasPrefix("PWD=") } + ["PWD=\(directory)"],
      directory: directory,
      log: .init(folder: logFolder(record.id), segmentBytes: config.logBytes, segments: config.logFiles))
    specification.limits = manifest.limits.shimLimits
    specification.nice = manifest.nice == 0 ? nil : manifest.nice
    specification.secrets = secrets(of: record, manifest, environment)
    if manifest.probes.isNotified { specification.notifySocket = "berth-\(Identifier.make("ntf"))" }
    var launch = ProcessLaunch(
      specification: specification, plan: ProcessPlan(manifest),
      probing: AppProbing(self, record, manifest, environment, specification))
    launch.limits = manifest.limits.ofWholeApp
    return launch
  }

  /// What must not appear in any output.
  func secrets(of record: AppRecord, _ manifest: Manifest, _ environment: ManifestEnvironment) -> [String] {
    let named = manifest.secrets.compactMap { environment.variables[$0] }
    return Array(Set(record.secrets.values).union(named)).filter { $0.utf8.count >= 4 }.sorted()
  }
}

extension ManifestDependency.Condition {
  func isFulfilled(by process: ObservedProcess) -> Bool {
    switch self {
    case .started: process.isAlive && process.state != .stopping && process.state != .stopFailed
    case .ready: process.state == .running
    case .completed: process.state == .exited && process.lastExit?.code == 0
    }
  }

  /// Whether it may be fulfilled by one that goes on as it is: one that is to end must run first.
  func canCome(to process: ObservedProcess) -> Bool {
    self == .completed && (process.state == .running || process.state == .notReady)
  }
}

extension ProcessLaunch {
  /// How an app that an earlier server has started was started, as far as that can be told now.
  init(recovering record: AppRecord, in service: AppService) {
    let manifest = record.manifest
    let directory = (try? service.folder(of: record))?.directory.realPath ?? "/"
    if let manifest, let environment = try? service.environment(of: record, manifest) {
      self = service.launch(record, manifest, environment, directory: directory, command: manifest.start.command ?? "")
    } else {
      let log = ShimSpecification.Log(folder: service.logFolder(record.id))
      self.init(
        specification: ShimSpecification(id: record.id, arguments: [], environment: [], directory: directory, log: log),
        plan: ProcessPlan())
    }
  }
}
