import BerthClient
import BerthProtocol
import Glibc
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

  /// Somebody has pressed Ctrl-C. Returns when the server has been told, so that a second one can leave.
  func want() {
    let run = state.withLock { state in
      state.isWanted = true
      return state.run
    }
    view.say("cancelling; Ctrl-C again leaves at once")
    guard let run, let (told, telling) = try? OwnedDescriptor.pipe() else { return }
    startCancelling(run, telling: telling)
    var request = told.withDescriptor { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    poll(&request, 1, Self.tellingMilliseconds)
  }

  private static let tellingMilliseconds: Int32 = 2000

  /// The run is known, and its server is there.
  func began(_ run: String) {
    let isOpen = state.withLock { state in
      state.run = run
      return state.isWanted && !state.isDone
    }
    if isOpen { startCancelling(run) }
  }

  /// - Parameter telling: Is written to when the request has been sent.
  private func startCancelling(_ run: String, telling: OwnedDescriptor? = nil) {
    startDetached("cancellation") { [self] in
      // A connection of its own: the other one is being read. It is answered when the run has ended.
      guard let client = try? connect(),
        let request = try? client.begin(AgentRunCancel.description.name, params: AgentRunCancel.Params(run: run))
      else { return }
      _ = telling?.withDescriptor { write($0, "x", 1) }
      guard (try? client.result(of: request)) != nil else { return }
      state.withLock { $0.isDone = true }
    }
  }
}
