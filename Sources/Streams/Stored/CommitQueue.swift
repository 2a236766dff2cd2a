import BerthProtocol
import Platform
import Synchronization

/// Puts appends that come at the same time into one transaction.
///
/// A caller that is alone commits its events itself, on its own thread, and pays for no hand-over. What comes
/// meanwhile waits, and is committed together by a thread that lives until nothing waits any more. That thread belongs
/// to no pool: the callers may be blocking all that there are.
final class CommitQueue: Sendable {
  private struct State {
    var waiting: [AppendRequest] = []
    var isCommitting = false
  }

  private let state = Mutex(State())
  /// Commits the requests, in order, and returns an outcome for each.
  private let commit: @Sendable ([AppendRequest]) -> [AppendRequest.Outcome]

  /// The most that one transaction takes, beside a single request that is larger.
  private static let maxRequests = 512
  private static let maxBytes = 16 << 20

  init(commit: @escaping @Sendable ([AppendRequest]) -> [AppendRequest.Outcome]) {
    self.commit = commit
  }

  /// Commits a request; the thread blocks.
  func run(_ request: AppendRequest) throws -> AppendResult {
    enter(request)
    return try request.outcomeBlocking().get()
  }

  /// Commits a request. The thread blocks only where the request is alone.
  func run(_ request: AppendRequest) async throws -> AppendResult {
    enter(request)
    return try await request.outcome().get()
  }

  private func enter(_ request: AppendRequest) {
    let isAlone = state.withLock { state in
      state.waiting.append(request)
      defer { state.isCommitting = true }
      return !state.isCommitting
    }
    if isAlone, commitNext() {
      startDetached("commit") {
        while self.commitNext() {}
      }
    }
  }

  /// Commits what waits.
  ///
  /// - Returns: Whether more has come meanwhile, which the caller then has to see to.
  private func commitNext() -> Bool {
    let group = takeGroup()
    for (request, outcome) in zip(group, commit(group)) { request.finish(outcome) }
    return state.withLock { state in
      state.isCommitting = !state.waiting.isEmpty
      return state.isCommitting
    }
  }

  private func takeGroup() -> [AppendRequest] {
    state.withLock { state in
      var count = 0
      var bytes = 0
      while count < min(state.waiting.count, Self.maxRequests), bytes < Self.maxBytes {
        bytes += state.waiting[count].payloadBytes
        count += 1
      }
      defer { state.waiting.removeFirst(count) }
      return Array(state.waiting[..<count])
    }
  }
}
