import BerthProtocol
import Dispatch
import Storage
import Synchronization

/// One call's events on their way into the database.
final class AppendRequest: Sendable {
  typealias Outcome = Result<AppendResult, any Error>

  let stream: String
  let events: [NewJournalEvent]
  let close: Bool
  let idempotency: Idempotency.Call?

  private enum State {
    case pending
    case awaited(@Sendable (Outcome) -> Void)
    case done(Outcome)
  }

  private let state = Mutex(State.pending)

  init(_ stream: String, _ events: [NewJournalEvent], close: Bool, idempotency: Idempotency.Call?) {
    self.stream = stream
    self.events = events
    self.close = close
    self.idempotency = idempotency
  }

  var payloadBytes: Int { events.reduce(0) { $0 + $1.payload.count } }

  /// Tells the caller that its events are committed or refused. Called once.
  func finish(_ outcome: Outcome) {
    let resume = state.withLock { state -> (@Sendable (Outcome) -> Void)? in
      defer { state = .done(outcome) }
      if case .awaited(let resume) = state { return resume }
      return nil
    }
    resume?(outcome)
  }

  /// Waits for ``finish(_:)``. Cancelling the task makes no difference: the events are on their way.
  func outcome() async -> Outcome {
    await withCheckedContinuation { waiter in
      whenDone { waiter.resume(returning: $0) }
    }
  }

  /// The same for a thread that may block.
  func outcomeBlocking() -> Outcome {
    let arrived = DispatchSemaphore(value: 0)
    whenDone { _ in arrived.signal() }
    arrived.wait()
    return state.withLock { state in
      if case .done(let outcome) = state { return outcome }
      return .failure(CancellationError())
    }
  }

  private func whenDone(_ resume: @escaping @Sendable (Outcome) -> Void) {
    let outcome = state.withLock { state -> Outcome? in
      if case .done(let outcome) = state { return outcome }
      state = .awaited(resume)
      return nil
    }
    if let outcome { resume(outcome) }
  }
}
