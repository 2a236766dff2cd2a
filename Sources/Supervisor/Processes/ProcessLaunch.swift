package import BerthProtocol

/// Everything that a start needs, made anew for each by whoever owns the process.
package struct ProcessLaunch: Sendable {
  package var specification: ShimSpecification
  package var plan: ProcessPlan
  /// Of the tree as a whole; set where cgroups allow it.
  package var limits = Cgroups.Limits()
  /// Asked while it runs; nil where nobody asks.
  package var probing: (any ProcessProbing)?

  package init(specification: ShimSpecification, plan: ProcessPlan, probing: (any ProcessProbing)? = nil) {
    self.specification = specification
    self.plan = plan
    self.probing = probing
  }
}

/// Why a process can't be started now.
package struct PreparationFailure: Error, Sendable {
  package let reason: AppReason
  /// A sentence with what to do.
  package let message: String
  /// The variables that have no value, with `environmentMissing`.
  package let names: [String]

  package init(_ reason: AppReason, _ message: String, names: [String] = []) {
    self.reason = reason
    self.message = message
    self.names = names
  }
}

/// Looks after a process that runs, and tells what it finds.
package protocol ProcessProbing: Sendable {
  /// - Parameter report: Called on any thread, at each change.
  func begin(_ report: @escaping @Sendable (ProbeFinding) -> Void)
  func end()
  /// The process has said over its notify socket that it is ready.
  func noteReady()
}

/// What probes have found.
package enum ProbeFinding: Sendable, Hashable {
  case ready
  case notReady(AppReason, String)
  case livenessFailed(String)
}

/// What a supervised process belongs to. Its functions are called on the pool's threads and may block.
package protocol ProcessOwner: AnyObject, Sendable {
  /// Does what must be done before a start, and tells what it is at.
  ///
  /// - Parameter tell: The state to show meanwhile, and why.
  /// - Throws: `PreparationFailure`; `CancellationError` where the task was cancelled.
  func prepare(
    _ id: String, tell: @escaping @Sendable (AppState, AppReason?, String?) -> Void
  ) async throws -> ProcessLaunch

  /// What is seen of the process has changed. Called once for each change, in order.
  func observed(_ id: String, _ process: ObservedProcess)

  /// The process has written something. Called on a thread that serves all others too: it must not block.
  func wroteOutput(_ id: String)

  /// The last lines that the process wrote.
  func lastLines(_ id: String) -> [String]
}
