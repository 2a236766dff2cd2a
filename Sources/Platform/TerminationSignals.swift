internal import Glibc

/// SIGTERM, SIGINT and SIGHUP, as calls on a thread instead of interruptions.
package enum TerminationSignals {
  package enum Kind: Sendable {
    case terminate, hangUp
  }

  /// Blocks the signals, on this thread and on all that it starts. To be called before any other thread is there.
  package static func block() {
    var signals = set
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Calls `body` for each signal that comes, on a thread of its own. `block` must have been called.
  package static func observe(_ body: @escaping @Sendable (Kind) -> Void) {
    startDetached("berth-signals") {
      var signals = set
      while true {
        var number: Int32 = 0
        if sigwait(&signals, &number) == 0 { body(number == SIGHUP ? .hangUp : .terminate) }
      }
    }
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
    return signals
  }
}
