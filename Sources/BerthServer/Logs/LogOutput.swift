package import BerthProtocol
import Glibc
package import Logging
package import Streams
import Synchronization

/// Where log lines go, and from which level on. One event is one line, as text or as JSON.
package final class LogOutput: Sendable {
  private struct State {
    var level: Logger.Level
    /// Whether the level was given at the start, so that the configuration does not change it.
    let isFixed: Bool
  }

  /// The file that is written to; nil for standard error.
  package let file: LogFile?
  private let writesJSON: Bool
  private let state: Mutex<State>

  /// - Parameter level: Nil for the configuration's.
  package init(file: LogFile?, level: Logger.Level?, writesJSON: Bool) {
    self.file = file
    self.writesJSON = writesJSON
    state = Mutex(State(level: level ?? .info, isFixed: level != nil))
  }

  package var level: Logger.Level { state.withLock { $0.level } }

  /// Takes the configuration's level, unless another one was given at the start.
  package func configure(_ level: LogLevel) {
    state.withLock { if !$0.isFixed { $0.level = Logger.Level(level) } }
  }

  package func logger() -> Logger {
    Logger(label: "berth") { _ in LogLineHandler(output: self, writesJSON: self.writesJSON) }
  }

  /// Writes one line. A line that can't be written is lost: there is nobody to tell.
  func write(_ line: String) {
    guard let file else {
      let bytes = Array("\(line)\n".utf8)
      _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
      return
    }
    file.write(line)
  }
}

extension Logger.Level {
  package init(_ level: LogLevel) {
    self =
      switch level {
      case .trace: .trace
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      case .critical: .critical
      }
  }
}
