import BerthProtocol
import Synchronization

/// Answers to a run's questions, from whoever hears them to whoever waits for them.
final class PermissionAnswers: Sendable {
  private struct State {
    var answers: [String: Permission] = [:]
    var waiting: (id: String, CheckedContinuation<Permission?, Never>)?
  }

  private let state = Mutex(State())

  func give(_ permission: Permission) {
    let waiting = state.withLock { state in
      guard let waiting = state.waiting, waiting.id == permission.id else {
        state.answers[permission.id] = permission
        return nil as CheckedContinuation<Permission?, Never>?
      }
      state.waiting = nil
      return waiting.1
    }
    waiting?.resume(returning: permission)
  }

  /// Waits for the answer to a question. For one task.
  ///
  /// - Throws: `CancellationError`.
  func answer(to id: String) async throws -> Permission {
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state -> Permission?? in
          if let answer = state.answers.removeValue(forKey: id) { return answer }
          if Task.isCancelled { return .some(nil) }
          state.waiting = (id, continuation)
          return nil
        }
        if let known { continuation.resume(returning: known) }
      }
    } onCancel: {
      let waiting = state.withLock { state in
        defer { state.waiting = nil }
        return state.waiting?.1
      }
      waiting?.resume(returning: nil)
    }
    guard let answer else { throw CancellationError() }
    return answer
  }
}
