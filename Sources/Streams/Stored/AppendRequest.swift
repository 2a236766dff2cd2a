import BerthProtocol
import Dispatch
import Storage
import Synchronization

/// One call's events on their way into the database.
final class AppendRequest: Sendable {
  typealias Outcome = Result<AppendResult, any Error>

  /// What a waiting caller is woken for.
  enum Wake: Sendable {
    /// Its events are committed, or refused.
    case done(Outcome)
    /// It is to commit what waits, its own events among it.
    case lead
  }

  let stream: String
  let events: [NewJournalEvent]
  let close: Bool
  let idempotency: Idempotency.Call?

  private enum State {
    case idle
    case waiting(@Sendable (Wake) -> Void)
    case woken(Wake)
  }

  private let state = Mutex(State.idle)

  init(_ stream: String, _ events: [NewJournalEvent], close: Bool, idempotency: Idempotency.Call?) {
    self.stream = stream
    self.events = events
    self.close = close
    self.idempotency = idempotency
  }

  var payloadBytes: Int { events.reduce(0) { $0 + $1.payload.count } }

  /// Called once.
  func wake(_ wake: Wake) {
    let resume = state.withLock { state -> (@Sendable (Wake) -> Void)? in
      defer { state = .woken(wake) }
      if case .waiting(let resume) = state { return resume }
      return nil
    }
    resume?(wake)
  }

  /// Waits for ``wake(_:)``. Cancelling the task makes no difference: the events are on their way.
  func wait() async -> Wake {
    await withCheckedContinuation { waiter in
      whenWoken { waiter.resume(returning: $0) }
    }
  }

  /// The same for a thread that may block.
  func waitBlocking() -> Wake {
    final class Answer: Sendable {
      let wake = Mutex(Wake.lead)
      let arrived = DispatchSemaphore(value: 0)
    }
    let answer = Answer()
    whenWoken { wake in
      answer.wake.withLock { $0 = wake }
      answer.arrived.signal()
    }
    answer.arrived.wait()
    return answer.wake.withLock { $0 }
  }

  private func whenWoken(_ resume: @escaping @Sendable (Wake) -> Void) {
    let wake = state.withLock { state -> Wake? in
      if case .woken(let wake) = state { return wake }
      state = .waiting(resume)
      return nil
    }
    if let wake { resume(wake) }
  }
}
