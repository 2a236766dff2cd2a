import BerthProtocol
import Platform
import Storage
import Streams
import Supervisor
import Workspaces

/// What drivers work with.
struct AgentServices: Sendable {
  let home: Home
  let database: Database
  let streams: StreamStore
  let workspaces: WorkspaceService
  let files: FileService
  let supervision: Supervision
  /// On which runs are carried.
  let pool: WorkerPool
  let commits: SharedCommits
  let config: @Sendable () -> Config

  init(
    home: Home, database: Database, streams: StreamStore, workspaces: WorkspaceService, files: FileService,
    supervision: Supervision, pool: WorkerPool, config: @escaping @Sendable () -> Config
  ) {
    self.home = home
    self.database = database
    self.streams = streams
    self.workspaces = workspaces
    self.files = files
    self.supervision = supervision
    self.pool = pool
    self.config = config
    commits = SharedCommits(database: database, pool: pool)
  }
}
