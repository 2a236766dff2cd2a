import Glibc
import Platform
import Synchronization

/// The terminal at standard input, while every key goes through as it is typed.
///
/// Whatever ends the program puts the terminal back as it was: the end of a shell, an error, and the signals that end
/// others. To be entered once.
enum RawTerminal {
  /// How it was. Written once, before `isRaw` is set and before a handler is installed that reads it.
  nonisolated(unsafe) private static var before = termios()
  private static let isRaw = Atomic(false)
  /// The number of the pipe's end that signals are written to.
  private static let signals = Atomic<Int32>(-1)
  private static let isLeaving = Atomic(false)

  /// Begins; where standard input is no terminal, only signals are taken in.
  ///
  /// - Returns: What can be read from when the terminal has another size (`SIGWINCH`), or the program is to end: the
  ///   number of the signal, a byte.
  static func enter() throws(SystemError) -> OwnedDescriptor {
    let (readEnd, writeEnd) = try OwnedDescriptor.pipe()
    // It stays open for as long as the program runs.
    signals.store(try writeEnd.duplicateNumber(), ordering: .releasing)
    let isTerminal = tcgetattr(STDIN_FILENO, &before) == 0
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
      signal(number) { number in
        RawTerminal.restore()
        // One that is not heeded is followed by another.
        if RawTerminal.isLeaving.exchange(true, ordering: .acquiringAndReleasing) { _exit(128 + number) }
        RawTerminal.tell(number)
      }
    }
    signal(SIGWINCH) { RawTerminal.tell($0) }
    if isTerminal {
      var raw = before
      cfmakeraw(&raw)
      isRaw.store(true, ordering: .releasing)
      guard tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 else {
        throw SystemError(errno: errno, operation: "tcsetattr")
      }
    }
    return readEnd
  }

  /// Puts it back. Only what is safe in a signal handler (signal-safety(7)).
  static func restore() {
    guard isRaw.exchange(false, ordering: .acquiringAndReleasing) else { return }
    tcsetattr(STDIN_FILENO, TCSANOW, &before)
  }

  private static func tell(_ number: Int32) {
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(signals.load(ordering: .acquiring), &byte, 1)
  }
}
