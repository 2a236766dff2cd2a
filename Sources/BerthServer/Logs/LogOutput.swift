package import BerthProtocol
import Glibc
package import Logging
import Platform
import Synchronization

/// Where log lines go, and from which level on. One event is one line, as text or as JSON.
package final class LogOutput: Sendable {
  package enum Destination: Sendable {
    case standardError
    /// A file that is rotated by size: `berth.log`, `berth.log.1` and so on, the oldest removed.
    case file(String)
  }

  private struct State {
    var level: Logger.Level
    /// Whether the level was given at the start, so that the configuration does not change it.
    let isFixed: Bool
    var descriptor: OwnedDescriptor?
    var size = 0
  }

  package static let rotateBytes = 8 << 20
  package static let rotatedFiles = 3

  private let destination: Destination
  private let writesJSON: Bool
  private let state: Mutex<State>

  /// - Parameter level: Nil for the configuration's.
  package init(_ destination: Destination, level: Logger.Level?, writesJSON: Bool) {
    self.destination = destination
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
  fileprivate func write(_ line: [UInt8]) {
    switch destination {
    case .standardError:
      _ = Glibc.write(STDERR_FILENO, line, line.count)
    case .file(let path):
      state.withLock { state in
        if state.descriptor != nil, state.size + line.count > Self.rotateBytes {
          Self.rotate(path)
          state.descriptor = nil
        }
        if state.descriptor == nil { (state.descriptor, state.size) = Self.open(path) }
        let written = state.descriptor?.withDescriptor { Glibc.write($0, line, line.count) } ?? 0
        state.size += max(0, written)
      }
    }
  }

  private static func open(_ path: String) -> (OwnedDescriptor?, Int) {
    let number = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard number >= 0 else { return (nil, 0) }
    let descriptor = OwnedDescriptor(adopting: number)
    return (descriptor, Int((try? descriptor.status().size) ?? 0))
  }

  private static func rotate(_ path: String) {
    unlink("\(path).\(rotatedFiles)")
    for number in stride(from: rotatedFiles - 1, through: 1, by: -1) {
      rename("\(path).\(number)", "\(path).\(number + 1)")
    }
    rename(path, "\(path).1")
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
