package import BerthProtocol
import GRDB
import JSON
package import Jobs
package import Platform
package import Storage
package import Streams
package import Supervisor
import Synchronization
package import Workspaces

/// The apps of all workspaces: what is installed, what is wanted of each, and what is seen of it.
///
/// Hot state is in memory, SQLite is its record. What is wanted is written down before anything is done for it.
package final class AppService: Sendable {
  let home: Home
  let database: Storage.Database
  let streams: StreamStore
  let jobs: JobStore
  let workspaces: WorkspaceService
  let files: FileService
  let templates: TemplateService
  package let ports: PortLeases
  package let supervision: Supervision
  let poller: Poller
  let box: SecretBox
  let config: @Sendable () -> AppsConfig
  private let table = Mutex(AppTable())
  /// Held while an app is being changed, from the look at its record to its update.
  private let changes = Mutex(())
  let pages = PageCache()
  let setups = SetupRuns()
  private let observers = Mutex<[@Sendable (AppSummary, AppState) -> Void]>([])

  package init(
    home: Home, database: Storage.Database, streams: StreamStore, jobs: JobStore, workspaces: WorkspaceService,
    files: FileService, templates: TemplateService, pool: WorkerPool, config: @escaping @Sendable () -> AppsConfig
  ) throws {
    self.home = home
    self.database = database
    self.streams = streams
    self.jobs = jobs
    self.workspaces = workspaces
    self.files = files
    self.templates = templates
    self.config = config
    box = try SecretBox(keyFile: home.secretKey)
    poller = try Poller()
    supervision = try Supervision(pool: pool, folder: home.shims, cgroups: Cgroups(name: "berth-\(home.shortName)"))
    ports = try PortLeases(database: database, range: config().ports.range) { change, db in
      try Self.record(change, streams, db)
    }
    let box = box
    for record in try database.read({ db in try AppRecord.all(db, box: box) }) { add(record) }
  }

  private static func record(_ change: PortChange, _ streams: StreamStore, _ db: GRDB.Database) throws {
    switch change {
    case .leased(let lease): try streams.record("events", type: EventType.portLeased, payload: lease, in: db)
    case .released(let lease): try streams.record("events", type: EventType.portReleased, payload: lease, in: db)
    case .moved(let moved): try streams.record("events", type: EventType.portMoved, payload: moved, in: db)
    }
  }

  /// Takes over what an earlier server has left: what runs goes on, what is wanted and does not run is started.
  package func recover() throws {
    let known = Set(entries.map(\.id))
    for name in try Directory(path: supervision.folder).entries().map(\.name.string)
    where name.hasPrefix("app_") && !known.contains(name) {
      Leftovers.clear(name, in: supervision)
    }
    // Those that others depend on first: whoever starts looks at what they have come to.
    for entry in layers(of: entries).reversed().joined() {
      let record = entry.record
      entry.process.recover(
        SupervisedProcess.Legacy(
          isWanted: record.desired == .running, wasRebooted: record.boot != ProcessIdentity.boot,
          launch: ProcessLaunch(recovering: record, in: self)))
    }
    awaitTakeover()
  }

  /// Waits until every process has been looked at, so that nobody is told of what an earlier server saw. A shim that
  /// does not answer is not waited for.
  private func awaitTakeover() {
    let processes = entries.map(\.process)
    guard !processes.isEmpty else { return }
    let isDone = Signal()
    let takeover = Task(executorPreference: supervision.pool) {
      for process in processes { await process.synchronize() }
      isDone.set()
    }
    let limit = Task(executorPreference: supervision.pool) {
      guard (try? await Task.sleep(for: .seconds(Self.takeoverSeconds))) != nil else { return }
      isDone.set()
    }
    isDone.wait()
    limit.cancel()
    takeover.cancel()
  }

  private static let takeoverSeconds = 3

  /// Calls an observer at each change of an app's state, with the state before it.
  package func observe(_ observer: @escaping @Sendable (AppSummary, AppState) -> Void) {
    observers.withLock { $0.append(observer) }
  }

  // MARK: Finding

  var entries: [AppEntry] { table.withLock { $0.all } }

  func entry(id: String) -> AppEntry? { table.withLock { $0[id] } }

  /// The app that a reference means: an id, else the `app_id` of a manifest.
  ///
  /// - Parameter workspace: A workspace that it must belong to.
  /// - Throws: `app_not_found`, `app_ambiguous`, `workspace_not_found`.
  func find(_ reference: String, workspace: String?) throws -> AppEntry {
    let workspace = try workspace.map { try workspaces.resolve($0).id }
    if let entry = entry(id: reference), workspace == nil || entry.record.workspace == workspace { return entry }
    let found = table.withLock { $0.find(reference, in: workspace) }
    if found.count > 1 {
      throw ProtocolError(
        .appAmbiguous, "\(found.count) workspaces have an app `\(reference)`. Name the workspace too.",
        extra: ["workspaces": .array(found.map { .string($0.record.workspace) })])
    }
    guard let entry = found.first else {
      throw ProtocolError(
        .appNotFound, "There is no app `\(reference)`. `app/list` tells which there are, `app/install` makes one.")
    }
    return entry
  }

  /// How many there are, and of how many something runs.
  package var count: Int { table.withLock { $0.ids.count } }
  package var runningCount: Int {
    entries.count { $0.process.observed.startedAt != nil && $0.process.observed.isAlive }
  }
  /// Whether any is wanted running: the server has work then.
  package var hasWanted: Bool { entries.contains { $0.record.desired == .running } }

  // MARK: Changing

  @discardableResult
  func add(_ record: AppRecord) -> AppEntry {
    let output = SegmentJournal(name: record.stream, folder: logFolder(record.id))
    let process = SupervisedProcess(record.id, last: record.observed, owner: self, supervision: supervision)
    let entry = AppEntry(record, process: process, output: output)
    table.withLock { $0.put(entry) }
    streams.register(output)
    return entry
  }

  func forget(_ entry: AppEntry) {
    table.withLock { $0.remove(entry.id) }
    streams.unregister(entry.output)
    entry.output.close()
    pages.clear()
  }

  /// Changes an app, and tells of it: in the database first, then in memory.
  ///
  /// - Parameter event: The event's type; nil for what clients need not hear of.
  @discardableResult
  func change(
    _ entry: AppEntry, event: String?, _ body: (inout AppRecord) throws -> Void
  ) throws -> AppRecord {
    try changes.withLock { _ in
      var changed = entry.record
      try body(&changed)
      changed.version += 1
      changed.updatedAt = Timestamp.now()
      let record = changed
      try database.write { db in
        db.afterNextTransaction { _ in
          entry.set(record)
          self.pages.clear()
        }
        try record.save(db, box: self.box)
        switch event {
        case EventType.appState: try streams.record("events", type: event ?? "", payload: summary(record), in: db)
        case let event?: try streams.record("events", type: event, payload: describe(record), in: db)
        case nil: break
        }
      }
      return record
    }
  }

  /// Changes an app in memory only.
  func see(_ entry: AppEntry, _ body: (inout AppRecord) -> Void) {
    changes.withLock { _ in
      var record = entry.record
      body(&record)
      entry.set(record)
    }
    pages.clear()
  }

  func tellObservers(_ summary: AppSummary, before: AppState) {
    for observer in observers.withLock({ $0 }) { observer(summary, before) }
  }

  func logFolder(_ id: String) -> String { "\(home.apps)/\(id)/log" }
}

extension PortRange {
  /// The ports; where first and last were exchanged, the range that was meant.
  package var range: ClosedRange<Int> { min(first, last)...max(first, last) }
}

extension ObservedProcess {
  /// Whether something of it runs.
  var isAlive: Bool {
    switch state {
    case .running, .notReady, .stopping, .stopFailed: true
    case .starting: pid != nil
    case .stopped, .waiting, .settingUp, .backoff, .crashLoop, .exited, .failed: false
    }
  }
}
