internal import Platform
internal import Synchronization

/// What tasks ask of a session's thread.
enum Request: Sendable {
  case open(OpenRequest)
  case write(ChannelCore, WriteRequest)
  case endInput(ChannelCore, Waiter<Void>)
  case resize(ChannelCore, TerminalSize, Waiter<Void>)
  case close(ChannelCore)

  /// Tells who waits that the session has ended.
  func fail(_ error: SSHError) {
    switch self {
    case .open(let request): request.waiter.give(.failure(error))
    case .write(_, let request): request.waiter.give(.failure(error))
    case .endInput(_, let waiter), .resize(_, _, let waiter): waiter.give(.failure(error))
    case .close: break
    }
  }
}

/// The way from tasks to a session's thread.
final class Mailbox: Sendable {
  private struct State {
    var requests: [Request] = []
    var isStopping = false
    /// Set when the thread takes nothing more.
    var end: SSHError?
  }

  private let state = Mutex(State())
  let wakeUp: WakeUp

  init() throws(SystemError) {
    wakeUp = try WakeUp()
  }

  /// Asks something of the thread; fails it at once where the session has ended.
  func post(_ request: Request) {
    let end = state.withLock { state -> SSHError? in
      if state.end == nil { state.requests.append(request) }
      return state.end
    }
    if let end { request.fail(end) } else { wakeUp.signal() }
  }

  /// Asks the thread to end.
  func stop() {
    state.withLock { $0.isStopping = true }
    wakeUp.signal()
  }

  var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Whether the session is there, as far as is known.
  var isOpen: Bool { state.withLock { !$0.isStopping && $0.end == nil } }

  /// For the thread: what was asked since the last call.
  func take() -> [Request] {
    wakeUp.clear()
    return state.withLock { state in
      let requests = state.requests
      state.requests.removeAll(keepingCapacity: true)
      return requests
    }
  }

  /// For the thread: it takes nothing more.
  func end(_ error: SSHError) {
    let requests = state.withLock { state in
      if state.end == nil { state.end = error }
      let requests = state.requests
      state.requests = []
      return requests
    }
    for request in requests { request.fail(error) }
  }
}
