import BerthProtocol
import JSON
import Storage
import Streams
import Synchronization
import TestSupport

@testable import Jobs

/// A database with streams and jobs, which a test can restart.
final class JobHome: Sendable {
  let folder: TemporaryFolder
  let database: Storage.Database
  let streams: StreamStore
  let jobs: JobStore

  convenience init() throws {
    try self.init(folder: TemporaryFolder())
  }

  init(folder: TemporaryFolder) throws {
    self.folder = folder
    database = try Database(
      path: "\(folder.path)/berth.sqlite", durability: .normal,
      migrations: StreamStore.migrations + JobStore.migrations)
    streams = StreamStore(database: database, retention: StreamsConfig())
    jobs = JobStore(database: database, streams: streams, maxRunning: 2)
  }

  func start(
    _ kind: JobKind = .snapshot, title: String = "Test", workspace: String? = nil,
    idempotency: (scope: String, key: String, params: JSONValue)? = nil,
    _ body: @escaping @Sendable (JobContext) async throws -> JSONObject = { _ in [:] }
  ) throws -> Job {
    try jobs.start(kind, title: title, workspace: workspace, idempotency: idempotency, body).job
  }

  func ended(_ job: Job) async throws -> Job {
    try await jobs.get(JobGet.Params(job: job.id, waitSeconds: 30))
  }

  /// Every event of a stream.
  func events(_ stream: String) throws -> [StreamEvent] {
    try streams.read(StreamRead.Params(stream: stream, limitBytes: 16 << 20)).events
  }

  func states(_ stream: String, _ type: String = EventType.jobState) throws -> [JobState] {
    try events(stream).filter { $0.type == type }.compactMap {
      $0.payload["state"]?.stringValue.flatMap { JobState(rawValue: $0) }
    }
  }
}

/// Something that a test opens and others wait for.
final class Gate: Sendable {
  private let isOpen = Mutex(false)
  private let signal = ChangeSignal()

  func open() {
    isOpen.withLock { $0 = true }
    signal.notify()
  }

  func wait() async throws {
    while true {
      let seen = signal.value
      if isOpen.withLock({ $0 }) { return }
      try await signal.wait(past: seen)
    }
  }
}
