import BerthProtocol
import JSON
import Streams
import Synchronization

/// What a job is carried out beside.
package enum JobLane: Sendable, Equatable {
  /// It works on this machine: a few go on at a time.
  case local
  /// It mostly waits for another machine: many go on at a time, but one for each key.
  case remote(key: String?)

  var key: String? {
    if case .remote(let key) = self { key } else { nil }
  }
}

/// A job of this server that has not ended, or whose end could not be written down yet.
final class JobRun: Sendable {
  typealias Body = @Sendable (JobContext) async throws -> JSONObject

  let id: String
  let lane: JobLane
  let body: Body
  /// What is done where the body is not begun, because nobody wants the job any more.
  let skipped: @Sendable () -> Void
  let progress: ProgressReports
  /// Notified when the job has ended.
  let ended = ChangeSignal()
  private let state: Mutex<State>

  /// Why a job is asked to end before its work is done.
  enum Request: Sendable {
    /// Somebody does not want it any more.
    case cancel
    /// The server is stopping.
    case stop
  }

  private struct State {
    var job: Job
    var task: Task<Void, Never>?
    var request: Request?
    /// Whether the job has ended without its end being written down.
    var isEndUnsaved = false
  }

  init(
    _ job: Job, lane: JobLane, progress: ProgressReports, skipped: @escaping @Sendable () -> Void, body: @escaping Body
  ) {
    id = job.id
    self.lane = lane
    self.body = body
    self.skipped = skipped
    self.progress = progress
    state = Mutex(State(job: job))
  }

  /// The job as it stands, with its latest progress.
  var job: Job {
    var job = state.withLock { $0.job }
    job.progress = progress.latest ?? job.progress
    return job
  }

  /// The job as it would be with a change, counted by its version.
  func changed(_ change: (inout Job) -> Void) -> Job {
    var job = job
    change(&job)
    job.version += 1
    return job
  }

  /// Takes a changed job. Called by whoever carries the job out, and nobody else.
  func set(_ job: Job) {
    state.withLock { $0.job = job }
    if job.state.hasEnded { ended.notify() }
  }

  /// Takes the end of a job that could not be written down.
  func setUnsaved(_ job: Job) {
    state.withLock { $0.isEndUnsaved = true }
    set(job)
  }

  var isEndUnsaved: Bool { state.withLock { $0.isEndUnsaved } }

  /// Hands over the task that carries the job out; it is cancelled at once where that was asked for already.
  func attach(_ task: Task<Void, Never>) {
    let isRequested = state.withLock { state in
      state.task = task
      return state.request != nil
    }
    if isRequested { task.cancel() }
  }

  /// Asks the job to end. The first reason counts.
  func request(_ request: Request) {
    let task = state.withLock { state in
      state.request = state.request ?? request
      return state.task
    }
    task?.cancel()
  }

  var request: Request? { state.withLock { $0.request } }

  /// Returns when the job has ended.
  func waitForEnd() async throws {
    while true {
      let seen = ended.value
      if state.withLock({ $0.job.state.hasEnded }) { return }
      try await ended.wait(past: seen)
    }
  }
}
