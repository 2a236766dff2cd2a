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
  let pool: WorkerPool
  let config: @Sendable () -> Config
}
