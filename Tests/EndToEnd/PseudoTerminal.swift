import Glibc
import Platform
import TestSupport

/// A terminal with a program on it: what is typed there, Ctrl-C too, reaches it as from a keyboard.
final class PseudoTerminal {
  private let master: OwnedDescriptor
  private let process: ChildProcess
  private var bytes: [UInt8] = []
  private var seen = 0

  /// All that was shown so far.
  var shown: String { String(decoding: bytes, as: UTF8.self) }

  /// `TIOCSPTLCK` and `TIOCGPTPEER` of ioctl_tty(2), which are macros that Swift does not see.
  private static let setLock: UInt = 0x4004_5431
  private static let getPeer: UInt = 0x5441

  init(_ program: String, _ arguments: [String]) throws {
    let number = try Self.check("open") { open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) }
    master = OwnedDescriptor(adopting: number)
    var isLocked: Int32 = 0
    _ = try Self.check("ioctl") { ioctl(number, Self.setLock, &isLocked) }
    let terminal = OwnedDescriptor(
      adopting: try Self.check("ioctl") { ioctl(number, Self.getPeer, O_RDWR | O_NOCTTY | O_CLOEXEC) })
    Self.resize(number, rows: 24, columns: 80)
    process = try ChildProcess(
      "/usr/bin/env", ["NO_COLOR=1", "TERM=xterm", "setsid", "--ctty", program] + arguments, input: terminal,
      output: terminal, error: terminal)
  }

  private static func check(_ operation: String, _ call: () -> Int32) throws -> Int32 {
    let result = call()
    guard result >= 0 else { throw SystemError(operation, path: "/dev/ptmx") }
    return result
  }

  private static func resize(_ number: Int32, rows: UInt16, columns: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(number, UInt(TIOCSWINSZ), &size)
  }

  deinit {
    process.send(SIGKILL)
    process.wait()
  }

  func type(_ text: String) throws {
    try Array(text.utf8).withUnsafeBytes { try master.write($0) }
  }

  /// Changes the terminal's size, which is told to whoever is at it.
  func resize(rows: UInt16, columns: UInt16) {
    master.withDescriptor { Self.resize($0, rows: rows, columns: columns) }
  }

  /// Waits until a text is shown, behind the one that was waited for last.
  func wait(for text: String) throws {
    while true {
      // A character of which only a part has come yet stands at the end, behind all that is found.
      let rest = String(decoding: bytes[seen...], as: UTF8.self)
      if let range = rest.firstRange(of: text) {
        seen += rest.utf8.distance(from: rest.startIndex, to: range.upperBound)
        return
      }
      guard try readSome() else { throw ShellFailure(description: "the program ended without `\(text)`: \(shown)") }
    }
  }

  /// Waits for the program's end. - Returns: Its exit code.
  func end() throws -> Int32 {
    while try readSome() {}
    return process.wait()
  }

  /// - Returns: False when nobody is at the terminal any more.
  private func readSome() throws -> Bool {
    var request = master.withDescriptor { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    guard poll(&request, 1, 60_000) > 0 else { throw DeadlinePassed(description: "nothing in 60 s behind: \(shown)") }
    var piece = [UInt8](repeating: 0, count: 4096)
    let count = master.withDescriptor { read($0, &piece, piece.count) }
    guard count > 0 else { return false }
    bytes += piece[..<count]
    return true
  }
}
