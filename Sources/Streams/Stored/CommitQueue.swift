import BerthProtocol
import Synchronization

/// Puts appends that come at the same time into one transaction.
///
/// Whoever comes while nobody is committing becomes the leader: it commits what waits, on its own thread, and then
/// names the first of those who have come meanwhile as the next leader. A caller that is alone pays for no hand-over.
final class CommitQueue: Sendable {
  private struct State {
    /// The first of these is the leader's own request while there is a leader that has not begun.
    var waiting: [AppendRequest] = []
    var hasLeader = false
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
    if enter(request) { return try lead().get() }
    switch request.waitBlocking() {
    case .done(let outcome): return try outcome.get()
    case .lead: return try lead().get()
    }
  }

  /// Commits a request. The thread blocks only where this caller is the leader.
  func run(_ request: AppendRequest) async throws -> AppendResult {
    if enter(request) { return try lead().get() }
    switch await request.wait() {
    case .done(let outcome): return try outcome.get()
    case .lead: return try lead().get()
    }
  }

  /// - Returns: Whether the caller is the leader.
  private func enter(_ request: AppendRequest) -> Bool {
    state.withLock { state in
      state.waiting.append(request)
      defer { state.hasLeader = true }
      return !state.hasLeader
    }
  }

  private func lead() -> AppendRequest.Outcome {
    let group = takeGroup()
    let outcomes = commit(group)
    state.withLock { state -> AppendRequest? in
      state.hasLeader = !state.waiting.isEmpty
      return state.waiting.first
    }?.wake(.lead)
    for (request, outcome) in zip(group, outcomes).dropFirst() { request.wake(.done(outcome)) }
    // The leader's own request was the first to wait.
    return outcomes[0]
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
