import Agents
import Apps
import BerthProtocol
import Jobs
import Logging
import NIOCore
import Platform
import Provisioning
import Storage
import Streams
import Supervisor
import Workspaces

/// The parts of the server that know nothing of connections, made in the order in which they build on each other.
package struct Domains: Sendable {
  let database: Database
  let streams: StreamStore
  let jobs: JobStore
  let workspaces: WorkspaceService
  let files: FileService
  let watches: WatchService
  let templates: TemplateService
  let archives: ArchiveService
  let snapshots: SnapshotService
  let apps: AppService
  let agents: AgentService
  let provisioning: ProvisioningService

  init(
    home: Home, config: ConfigService, log: LogFile?, logger: Logger, pool: WorkerPool, recoversDatabase: Bool
  ) throws {
    let settings = config.current
    database = try Self.openDatabase(home, durability: settings.durability, recovers: recoversDatabase)
    let streams = StreamStore(database: database, retention: settings.streams)
    config.observe { streams.setRetention($0.streams) }
    if let log { streams.register(LogJournal(name: "server/log", file: log)) }
    self.streams = streams
    jobs = JobStore(database: database, streams: streams)
    workspaces = try WorkspaceService(
      home: home.path, database: database, streams: streams, trashSeconds: { config.current.trash.keepSeconds })
    files = FileService(
      workspaces: workspaces, maximumContentBytes: { config.current.limits.maxMessageBytes },
      writesDurably: { settings.durability == .full })
    watches = try WatchService(
      workspaces: workspaces, streams: streams, maximumDirectories: { config.current.watch.maxDirectories })
    let placements = Placements(workspaces: workspaces, database: database, durability: settings.durability)
    let limits = { @Sendable in config.current.templates }
    templates = TemplateService(
      home: home, workspaces: workspaces, jobs: jobs, placements: placements, limits: limits)
    archives = ArchiveService(
      workspaces: workspaces, jobs: jobs, placements: placements, limits: limits)
    snapshots = try SnapshotService(
      home: home, workspaces: workspaces, jobs: jobs, placements: placements, database: database, streams: streams,
      durability: settings.durability)
    apps = try AppService(
      home: home, database: database, streams: streams, jobs: jobs, workspaces: workspaces, files: files,
      templates: templates, pool: pool, config: { config.current.apps })
    agents = try AgentService(
      home: home, database: database, streams: streams, workspaces: workspaces, files: files,
      supervision: apps.supervision, config: { config.current })
    provisioning = try ProvisioningService(
      home: home, database: database, streams: streams, jobs: jobs, pool: pool,
      config: { config.current.provisioning })
    let ports = apps.ports
    config.observe { ports.setRange($0.apps.ports.range) }
    // What a server that was killed left half done is undone before anything new begins.
    try jobs.recover()
    try workspaces.recover()
    for sentence in try placements.recover() {
      logger.error("recovery is incomplete", metadata: ["detail": "\(sentence)"])
    }
    try snapshots.recover()
    try apps.recover()
    try agents.recover()
    try provisioning.connections.recover()
  }

  private static func openDatabase(_ home: Home, durability: Durability, recovers: Bool) throws -> Database {
    let migrations =
      StreamStore.migrations + JobStore.migrations + WorkspaceService.migrations + Placements.migrations
      + SnapshotService.migrations + AppService.migrations + AgentService.migrations
      + ProvisioningService.migrations
    do throws(StorageError) {
      return try Database(path: home.database, durability: durability, migrations: migrations, checkingWhole: recovers)
    } catch {
      guard recovers, error.code == .damaged else { throw error }
    }
    try Database.setAside(path: home.database)
    return try Database(path: home.database, durability: durability, migrations: migrations)
  }

  /// Does from time to time what nobody asks for: removes what is too old.
  func startMaintenance(on loop: any EventLoop, pool: WorkerPool, log: Logger) {
    loop.scheduleRepeatedTask(initialDelay: .seconds(30), delay: .seconds(60)) { _ in
      Task(executorPreference: pool) {
        let steps: [(String, () async throws -> Void)] = [
          ("streams", streams.enforceRetention),
          (
            "trash",
            { for workspace in try workspaces.purgeExpired() { try snapshots.deleteAll(ofWorkspace: workspace.id) } }
          ),
          ("agents", agents.maintain), ("jobs", jobs.maintain), ("database", database.maintain),
        ]
        for (name, step) in steps {
          do {
            try await step()
          } catch {
            log.warning("maintenance failed", metadata: ["of": "\(name)", "detail": "\(error)"])
          }
        }
      }
    }
  }

  func close() throws {
    provisioning.instances.close()
    try database.close()
  }
}
