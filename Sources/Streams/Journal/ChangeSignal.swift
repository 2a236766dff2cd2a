import Synchronization

/// Tells tasks that something has changed, without remembering what.
///
/// Whoever waits takes `value` first, looks for what it needs, and then waits for the value to pass: a change that
/// comes in between is not missed.
package final class ChangeSignal: Sendable {
  private typealias Waiter = CheckedContinuation<Void, any Error>

  private struct State {
    var value: UInt64 = 0
    var lastWaiter: UInt64 = 0
    var waiters: [UInt64: Waiter] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// How many changes there have been.
  package var value: UInt64 { state.withLock { $0.value } }

  /// Wakes everybody who waits.
  package func notify() {
    let waiters = state.withLock { state in
      state.value += 1
      guard !state.waiters.isEmpty else { return [UInt64: Waiter]() }
      defer { state.waiters = [:] }
      return state.waiters
    }
    for waiter in waiters.values { waiter.resume() }
  }

  /// Returns when there has been a change after `seen`; at once where there was one already.
  ///
  /// - Throws: `CancellationError` when the task is cancelled.
  package func wait(past seen: UInt64) async throws {
    let id = state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (waiter: Waiter) in
        let outcome: Result<Void, any Error>? = state.withLock { state in
          // The handler below may have run before there was anything to take away.
          if Task.isCancelled { return .failure(CancellationError()) }
          if state.value != seen { return .success(()) }
          state.waiters[id] = waiter
          return nil
        }
        if let outcome { waiter.resume(with: outcome) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
    }
  }

  /// Returns when a condition, looked at after each change, is fulfilled, or the time is over.
  ///
  /// - Parameter seconds: Nil for as long as it takes.
  /// - Throws: `CancellationError` when the task is cancelled.
  package func wait(seconds: Double?, until condition: @escaping @Sendable () -> Bool) async throws {
    if condition() { return }
    guard let seconds else { return try await wait(until: condition) }
    guard seconds > 0 else { return }
    try await withThrowingTaskGroup { group in
      group.addTask { try await self.wait(until: condition) }
      group.addTask { try await Task.sleep(for: .seconds(min(seconds, 1e9))) }
      try await group.next()
      group.cancelAll()
    }
  }

  private func wait(until condition: @Sendable () -> Bool) async throws {
    while true {
      let seen = value
      if condition() { return }
      try await wait(past: seen)
    }
  }
}
