import BerthClient
import BerthProtocol
import Platform
import Synchronization

/// Cancels a run at Ctrl-C, once it is known which one it is, and again where a server died before it had heard.
final class RunCancellation: Sendable {
  private struct State {
    var run: String?
    var isWanted = false
    var isDone = false
  }

  private let state = Mutex(State())
  private let view: RunView
  private let connect: @Sendable () throws -> Client

  init(_ view: RunView, connect: @escaping @Sendable () throws -> Client) {
    self.view = view
    self.connect = connect
  }

  /// Somebody has pressed Ctrl-C. Waits until the run has ended.
  func want() {
    let run = state.withLock { state in
      state.isWanted = true
      return state.run
    }
    view.say("cancelling; Ctrl-C again leaves at once")
    if let run { cancel(run) }
  }

  /// The run is known, and its server is there.
  func began(_ run: String) {
    let isOpen = state.withLock { state in
      state.run = run
      return state.isWanted && !state.isDone
    }
    if isOpen { startDetached("cancellation") { self.cancel(run) } }
  }

  private func cancel(_ run: String) {
    // A connection of its own: the other one is being read.
    guard (try? connect().request(AgentRunCancel.self, .init(run: run))) != nil else { return }
    state.withLock { $0.isDone = true }
  }
}
