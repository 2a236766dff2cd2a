import Glibc

/// What the program's exit status says. Scripts rely on it; `berth --help` tells it.
enum ExitStatus: Int32, Sendable {
  case done = 0
  /// The call, or the job that it started, failed.
  case failed = 1
  /// The command line or a parameter is wrong.
  case usage = 2
  /// There is no such workspace, file, app, instance, stream, job or snapshot.
  case notFound = 3
  /// Something is in the way: a name that is taken, a version that has passed, a job that is at work.
  case conflict = 4
  /// No server answers, and none could be started.
  case unavailable = 5
  /// Access is denied.
  case denied = 6
  /// Ended by Ctrl-C.
  case interrupted = 130

  /// What an error's code, which reads like an HTTP status, comes down to.
  init(errorCode: Int) {
    self =
      switch errorCode {
      case -32602, -32601: .usage
      case -32800: .interrupted
      case 401, 403: .denied
      case 404: .notFound
      case 409: .conflict
      case 503: .unavailable
      default: .failed
      }
  }

  static let help = """
    Exit status: 0 done, 1 the call failed, 2 wrong usage, 3 not found, 4 conflict, 5 no server or not now, \
    6 access denied, 130 interrupted.
    """
}

extension ExitStatus {
  func exit() -> Never { Glibc.exit(rawValue) }
}
