package import BerthProtocol
import GRDB
import Platform
import Storage
import Streams

/// `job/get`, `job/list`, and what is done about jobs that nobody asks for.
extension JobStore {
  /// `job/get`: returns at once, or when the job has ended or the time to wait has passed.
  ///
  /// - Throws: `job_not_found`; `CancellationError` when the task is cancelled.
  package func get(_ params: JobGet.Params) async throws -> Job {
    guard let run = run(params.job) else { return try job(params.job) }
    if params.waitSeconds > 0, !run.job.state.hasEnded {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await run.waitForEnd() }
        group.addTask { try await Task.sleep(for: .seconds(params.waitSeconds)) }
        try await group.next()
        group.cancelAll()
      }
    }
    return run.job
  }

  /// A job as it stands.
  ///
  /// - Throws: `job_not_found`.
  package func job(_ id: String) throws -> Job {
    if let run = run(id) { return run.job }
    guard let job = try find(id) else { throw Self.notFound(id) }
    return job
  }

  /// `job/list`, newest first.
  ///
  /// - Parameter params: With the workspace's id as `workspace`.
  /// - Throws: `invalid_cursor`.
  package func list(_ params: JobList.Params) throws -> JobPage {
    if let cursor = params.cursor, !cursor.hasPrefix("job_") {
      throw ProtocolError(
        .invalidCursor, "The cursor was not made by `job/list`. Pass the page's `nextCursor`, or none.",
        detail: "cursor \(cursor.prefix(64))")
    }
    var jobs = try database.read { db in
      try JobRow.list(
        workspace: params.workspace, subject: params.subject, states: params.states, before: params.cursor,
        limit: params.limit + 1, in: db)
    }
    let hasMore = jobs.count > params.limit
    if hasMore { jobs.removeLast() }
    // With the progress of this moment.
    jobs = jobs.map { run($0.id)?.job ?? $0 }
    return JobPage(jobs: jobs, nextCursor: hasMore ? jobs.last?.id : nil)
  }

  /// How many jobs are kept, ended or not.
  package func count() throws -> Int {
    try database.read { db in try JobRow.count(in: db) }
  }

  /// How many jobs have not ended.
  package var runningCount: Int { runs.count { !$0.job.state.hasEnded } }

  func find(_ id: String) throws -> Job? {
    try database.read { db in try JobRow.find(id, in: db) }
  }

  // MARK: Keeping house

  /// Tells of jobs that an earlier server had not finished. Called once, before any job is begun.
  package func recover() throws {
    try database.write { db in
      let jobs = try JobRow.list(states: JobState.unended, before: nil, limit: -1, in: db)
      for var job in jobs.reversed() {
        job.state = .interrupted
        job.endedAt = Timestamp.now()
        job.version += 1
        try save(job, in: db)
      }
    }
  }

  /// How many ended jobs are kept, and for how long.
  private static let keptJobs = 1000
  private static let keptSeconds: Int64 = 30 * 86_400

  /// Removes old jobs with their streams, and writes down what could not be written before. The server calls it every
  /// few minutes.
  package func maintain() throws {
    try saveEnds()
    let cutoff = Timestamp.nanosecondsNow() / 1_000_000_000 - Self.keptSeconds
    try database.write { db in
      for job in try JobRow.expired(olderThan: cutoff, keeping: Self.keptJobs, in: db) {
        try JobRow.delete(job.id, in: db)
        try streams.remove(job.stream, in: db)
      }
    }
  }

  // MARK: Errors

  static func notFound(_ id: String) -> ProtocolError {
    ProtocolError(.jobNotFound, "There is no job \(id). `job/list` tells which there are; old ones are removed.")
  }

  static func ended(_ job: Job) -> ProtocolError {
    ProtocolError(
      .jobEnded, "The job \(job.id) has ended and can no longer be cancelled. `job/get` tells how it went.",
      detail: "state \(job.state.rawValue)")
  }
}
