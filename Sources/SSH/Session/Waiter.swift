internal import Synchronization

/// One value that a task waits for and another thread gives. What is given first counts; cancelling the task counts as
/// giving a `CancellationError`.
final class Waiter<Value: Sendable>: Sendable {
  private enum State {
    case new
    case waiting(CheckedContinuation<Value, any Error>)
    case given(Result<Value, any Error>)
    case taken
  }

  private let state = Mutex(State.new)

  /// - Returns: False where something was given before, and this is lost.
  @discardableResult
  func give(_ result: Result<Value, any Error>) -> Bool {
    let (isFirst, continuation) = state.withLock { state -> (Bool, CheckedContinuation<Value, any Error>?) in
      switch state {
      case .new:
        state = .given(result)
        return (true, nil)
      case .waiting(let continuation):
        state = .taken
        return (true, continuation)
      case .given, .taken: return (false, nil)
      }
    }
    continuation?.resume(with: result)
    return isFirst
  }

  /// Whether nothing was given yet.
  var isOpen: Bool {
    state.withLock {
      switch $0 {
      case .new, .waiting: true
      case .given, .taken: false
      }
    }
  }

  /// Waits; to be called once.
  ///
  /// - Parameter onCancel: Called where the task was cancelled before something was given.
  func value(onCancel: @escaping @Sendable () -> Void = {}) async throws -> Value {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let given = state.withLock { state -> Result<Value, any Error>? in
          if case .given(let result) = state {
            state = .taken
            return result
          }
          state = .waiting(continuation)
          return nil
        }
        if let given { continuation.resume(with: given) }
      }
    } onCancel: {
      if give(.failure(CancellationError())) { onCancel() }
    }
  }
}
