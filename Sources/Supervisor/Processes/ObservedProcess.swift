package import BerthProtocol

/// What is seen of a supervised process.
package struct ObservedProcess: Sendable, Hashable {
  package var state = AppState.stopped
  package var reason: AppReason?
  package var message: String?
  /// The first process, while it lives.
  package var pid: Int?
  package var startedAt: String?
  /// How often it was started again by itself since it was wanted running.
  package var restarts = 0
  package var lastExit: AppExit?
  /// The pause until the next try, in seconds from the moment of the change.
  package var retrySeconds: Double?
  /// The processes that could not be ended.
  package var processes: [Int] = []

  package init() {}

  /// Whether nothing changes any more unless something happens: neither on its way up nor down.
  package var isSettled: Bool {
    switch state {
    case .stopped, .running, .exited, .failed, .stopFailed, .crashLoop, .notReady: true
    case .waiting: reason == .dependencyFailed
    case .settingUp, .starting, .stopping, .backoff: false
    }
  }
}
