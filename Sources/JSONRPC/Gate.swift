import DequeModule
import Synchronization

/// Lets so many in at a time, in the order in which they come.
final class Gate: Sendable {
  private struct State {
    var inside = 0
    var waiters: Deque<(ticket: UInt64, CheckedContinuation<Void, any Error>)> = []
    var lastTicket: UInt64 = 0
  }

  private let width: Int
  private let state = Mutex(State())

  init(width: Int) {
    self.width = width
  }

  /// How many wait.
  var waiting: Int { state.withLock { $0.waiters.count } }

  /// Waits to be let in. Who is let in leaves.
  ///
  /// - Throws: `CancellationError` where the task is cancelled while it waits.
  func enter() async throws {
    let ticket: UInt64? = state.withLock { state in
      guard state.inside == width else {
        state.inside += 1
        return nil
      }
      state.lastTicket += 1
      return state.lastTicket
    }
    guard let ticket else { return }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          guard state.inside == width else {
            state.inside += 1
            return .success(())
          }
          state.waiters.append((ticket, continuation))
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.ticket == ticket }.map { state.waiters.remove(at: $0).1 }
      }
      waiter?.resume(throwing: CancellationError())
    }
  }

  /// Lets the next one in.
  func leave() {
    let next = state.withLock { state in
      let next = state.waiters.popFirst()
      // Whose turn it is takes the place over.
      if next == nil { state.inside -= 1 }
      return next
    }
    next?.1.resume()
  }
}
