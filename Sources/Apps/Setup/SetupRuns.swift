import Synchronization

/// The setups that are under way, so that whoever needs one joins it.
final class SetupRuns: Sendable {
  private let jobs = Mutex<[String: String]>([:])

  /// The job that sets an app up.
  func job(of app: String) -> String? { jobs.withLock { $0[app] } }

  /// The job that sets an app up: the one that is under way, or a new one.
  func join(_ app: String, begin: () throws -> String) rethrows -> (job: String, isNew: Bool) {
    try jobs.withLock { jobs in
      if let job = jobs[app] { return (job, false) }
      let job = try begin()
      jobs[app] = job
      return (job, true)
    }
  }

  func end(_ app: String) { jobs.withLock { $0[app] = nil } }
}
