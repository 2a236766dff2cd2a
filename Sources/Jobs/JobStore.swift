package import BerthProtocol
import GRDB
package import JSON
import Platform
package import Storage
package import Streams
import Synchronization

/// Work that takes a while: each piece has a stream, progress and an honest end.
///
/// A job's row and the events about it are written in one transaction. What a server that died had not finished is told
/// as `interrupted` by the next one.
package final class JobStore: Sendable {
  let database: Storage.Database
  let streams: StreamStore
  private let maxRunning: Int
  private let maxRemote: Int
  private let pool = WorkerPool(name: "job", maximumThreads: 32)
  private let state = Mutex(State())

  private struct State {
    /// Jobs that have not ended, and those whose end could not be written down.
    var runs: [String: JobRun] = [:]
    /// Those that wait for their turn, in order.
    var queue: [JobRun] = []
    /// Those that are being carried out.
    var running: [JobRun] = []
    var isStopping = false
  }

  package static let migrations = JobRow.migrations

  /// - Parameters:
  ///   - maxRunning: How many jobs that work on this machine are carried out at the same time; others are queued.
  ///   - maxRemote: The same for jobs that mostly wait for another machine.
  package init(database: Storage.Database, streams: StreamStore, maxRunning: Int = 4, maxRemote: Int = 64) {
    self.database = database
    self.streams = streams
    self.maxRunning = maxRunning
    self.maxRemote = maxRemote
  }

  // MARK: Starting

  /// Begins a job.
  ///
  /// - Parameters:
  ///   - title: What it does, for people.
  ///   - workspace: The id of the workspace that it works on.
  ///   - subject: The id of what else it works on.
  ///   - lane: What it is carried out beside.
  ///   - idempotency: Makes a repetition return the job of the first call.
  ///   - skipped: Called where the job is cancelled before its work has begun.
  ///   - body: The work, on a thread that may block. It looks for its cancellation now and then, and leaves nothing
  ///     half done when it throws. What it returns is the job's result.
  /// - Throws: `shutting_down`, `idempotency_conflict`, `no_space`, `database_unavailable`.
  package func start(
    _ kind: JobKind, title: String, workspace: String?, subject: String? = nil, lane: JobLane = .local,
    idempotency: (scope: String, key: String, params: JSONValue)? = nil,
    skipped: @escaping @Sendable () -> Void = {},
    _ body: @escaping @Sendable (JobContext) async throws -> JSONObject
  ) throws -> JobStarted {
    let id = Identifier.make("job")
    let job = Job(
      id: id, kind: kind, title: title, state: .queued, workspace: workspace, subject: subject, stream: "job/\(id)",
      version: 1, createdAt: Timestamp.now())
    let progress = ProgressReports(stream: job.stream, streams: streams, pool: pool)
    let run = JobRun(job, lane: lane, progress: progress, skipped: skipped, body: body)
    // Entered first, so that whoever learns of it by its event finds it.
    try enter(run)
    do {
      let call = idempotency.map { Idempotency.Call(scope: $0.scope, key: $0.key, params: $0.params) }
      if let first = try insert(job, call) {
        forget(run)
        return JobStarted(job: try find(first.job.id) ?? first.job, created: false)
      }
    } catch {
      forget(run)
      throw error
    }
    state.withLock { $0.queue.append(run) }
    startQueued()
    return JobStarted(job: job, created: true)
  }

  /// - Returns: What the first call with the idempotency key was answered.
  private func insert(_ job: Job, _ call: Idempotency.Call?) throws -> JobStarted? {
    try database.write { db in
      if let call, let first = try Idempotency.result(of: call, in: db) {
        return try Decoding.decode(JobStarted.self, from: first)
      }
      try JobRow.save(job, in: db)
      try streams.record("events", type: EventType.jobCreated, payload: job, in: db)
      try streams.record(job.stream, type: EventType.jobState, payload: job, in: db)
      if let call { try Idempotency.record(JobStarted(job: job, created: true), of: call, in: db) }
      return nil
    }
  }

  private func enter(_ run: JobRun) throws {
    try state.withLock { state in
      if state.isStopping {
        throw ProtocolError(.shuttingDown, "The server is stopping and begins no new jobs. Try again when it is back.")
      }
      state.runs[run.id] = run
    }
  }

  private func forget(_ run: JobRun) {
    _ = state.withLock { $0.runs.removeValue(forKey: run.id) }
  }

  // MARK: Carrying out

  /// Begins as many queued jobs as may run.
  private func startQueued() {
    while let run = takeQueued() {
      run.attach(
        Task(executorPreference: pool) {
          await self.carryOut(run)
          self.state.withLock { state in state.running.removeAll { $0 === run } }
          self.startQueued()
        })
    }
  }

  private func takeQueued() -> JobRun? {
    state.withLock { state in
      let local = state.running.count { $0.lane == .local }
      let remote = state.running.count - local
      var taken = Set(state.running.compactMap(\.lane.key))
      let next = state.queue.firstIndex { run in
        switch run.lane {
        case .local: return local < maxRunning
        case .remote(let key):
          guard let key else { return remote < maxRemote }
          // Those of one key go in the order in which they came.
          return taken.insert(key).inserted && remote < maxRemote
        }
      }
      guard let next else { return nil }
      let run = state.queue.remove(at: next)
      state.running.append(run)
      return run
    }
  }

  private func carryOut(_ run: JobRun) async {
    if run.request == .cancel {
      run.skipped()
      return end(run, .cancelled)
    }
    do {
      try JobContext(run).checkCancellation()
      try advance(run) { job in
        job.state = .running
        job.startedAt = Timestamp.now()
      }
      let result = try await run.body(JobContext(run))
      end(run, .succeeded) { $0.result = result }
    } catch {
      switch (run.request, error) {
      case (.stop, _): end(run, .interrupted)
      case (.cancel, _), (nil, is CancellationError): end(run, .cancelled)
      case (nil, _): end(run, .failed) { $0.error = JobError(ProtocolError(describing: error)) }
      }
    }
  }

  /// Changes a job: first in the database, then for those who wait for it.
  private func advance(_ run: JobRun, _ change: (inout Job) -> Void) throws {
    try save(run.changed(change), of: run)
  }

  private func end(_ run: JobRun, _ state: JobState, _ change: (inout Job) -> Void = { _ in }) {
    run.progress.end()
    let job = run.changed { job in
      job.state = state
      job.endedAt = Timestamp.now()
      change(&job)
    }
    do {
      try save(job, of: run)
      forget(run)
    } catch {
      // The job has ended all the same. It stays in memory, and is written down when that is possible again.
      run.setUnsaved(job)
    }
  }

  private func save(_ job: Job, of run: JobRun) throws {
    try database.write { db in
      // Asked for first, so that `job/get` knows of it before those who follow the events do.
      db.afterNextTransaction { _ in run.set(job) }
      try save(job, in: db)
    }
  }

  /// Writes a job that has changed, with the events about it; the end of a job is the end of its stream.
  func save(_ job: Job, in db: GRDB.Database) throws {
    try JobRow.save(job, in: db)
    try streams.record("events", type: EventType.jobUpdated, payload: job, in: db)
    try streams.record(job.stream, type: EventType.jobState, payload: job, in: db)
    if job.state.hasEnded { try streams.close(job.stream, in: db) }
  }

  // MARK: Ending early

  /// `job/cancel`: returns when the job has ended.
  ///
  /// - Throws: `job_not_found`; `job_ended` where the work was done, or had failed, before it could be stopped.
  package func cancel(_ params: JobCancel.Params) async throws -> Job {
    guard let run = run(params.job) else {
      guard let job = try find(params.job) else { throw Self.notFound(params.job) }
      throw Self.ended(job)
    }
    if run.job.state.hasEnded { throw Self.ended(run.job) }
    run.request(.cancel)
    if takeFromQueue(run) {
      run.skipped()
      end(run, .cancelled)
    }
    try await run.waitForEnd()
    let job = run.job
    if job.state == .cancelled || job.state == .interrupted { return job }
    throw Self.ended(job)
  }

  private func takeFromQueue(_ run: JobRun) -> Bool {
    state.withLock { state in
      guard let index = state.queue.firstIndex(where: { $0 === run }) else { return false }
      state.queue.remove(at: index)
      return true
    }
  }

  /// Asks every job to end as `interrupted`, and returns when all have. No job begins any more.
  package func stop() async {
    let (runs, queued) = state.withLock { state in
      state.isStopping = true
      defer { state.queue = [] }
      return (Array(state.runs.values), state.queue)
    }
    for run in runs { run.request(.stop) }
    for run in queued { end(run, .interrupted) }
    for run in runs { try? await run.waitForEnd() }
  }

  // MARK: What other files of this type need

  /// The job where it has not ended, or its end is not written down.
  func run(_ id: String) -> JobRun? {
    state.withLock { $0.runs[id] }
  }

  var runs: [JobRun] { state.withLock { Array($0.runs.values) } }

  /// Writes down the ends of jobs that could not be written when they came.
  func saveEnds() throws {
    for run in runs where run.isEndUnsaved {
      try save(run.job, of: run)
      forget(run)
    }
  }
}
