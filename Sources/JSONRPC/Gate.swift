import DequeModule
import Synchronization

/// Lets so many in at a time, in the order in which they come.
final class Gate: Sendable {
  private struct State {
    var inside = 0
    var waiters: Deque<CheckedContinuation<Void, Never>> = []
  }

  private let width: Int
  private let state = Mutex(State())

  init(width: Int) {
    self.width = width
  }

  /// How many wait.
  var waiting: Int { state.withLock { $0.waiters.count } }

  /// Waits to be let in. Who has been let in leaves.
  func enter() async {
    await withCheckedContinuation { continuation in
      let isInside = state.withLock { state in
        guard state.inside < width else {
          state.waiters.append(continuation)
          return false
        }
        state.inside += 1
        return true
      }
      if isInside { continuation.resume() }
    }
  }

  /// Lets the next one in.
  func leave() {
    let next = state.withLock { state in
      let next = state.waiters.popFirst()
      // Who waits takes the place over.
      if next == nil { state.inside -= 1 }
      return next
    }
    next?.resume()
  }
}
