import Glibc
import JSON
import Synchronization

/// Standard output: in pieces of some size to a pipe or a file, at once to a terminal.
final class Output {
  let isTerminal = Terminal.outputIsTerminal
  let style = Style.output
  private var buffer: [UInt8] = []

  func write(_ bytes: some Collection<UInt8>) {
    buffer.append(contentsOf: bytes)
    if isTerminal || buffer.count >= 1 << 16 { flush() }
  }

  func line(_ text: String = "") {
    write(Array(text.utf8) + [UInt8(ascii: "\n")])
  }

  func print(_ table: Table) {
    for text in table.lines(width: isTerminal ? Terminal.width : nil, style: style) { line(text) }
  }

  func print(_ details: Details) {
    for text in details.lines(forTerminal: isTerminal, style: style) { line(text) }
  }

  /// A JSON document: on a terminal with a member a line, elsewhere on one line.
  func json(_ value: some JSONEncodable) {
    if isTerminal {
      write(JSONText.pretty(value.jsonValue(), style: style).utf8)
    } else {
      jsonLine(value)
    }
  }

  /// A JSON document on one line, of which many may follow each other.
  func jsonLine(_ value: some JSONEncodable) {
    write(value.jsonBytes() + [UInt8(ascii: "\n")])
  }

  func flush() {
    writeAll(buffer, to: STDOUT_FILENO)
    buffer.removeAll(keepingCapacity: true)
  }
}

/// Standard error, for what is said beside the result.
enum Messages {
  static func line(_ text: String) {
    write(text + "\n")
  }

  static func write(_ text: String) {
    writeAll(Array(text.utf8), to: STDERR_FILENO)
  }
}

/// What is done before a reader that has gone, such as `head`, ends the program.
enum BrokenPipe {
  private static let action = Mutex<(@Sendable () -> Void)?>(nil)

  static func before(_ body: @escaping @Sendable () -> Void) {
    action.withLock { $0 = body }
  }

  fileprivate static func end() {
    // Once: what is done may write, too.
    let body = action.withLock { action in
      defer { action = nil }
      return action
    }
    body?()
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
  }
}

/// Writes everything. A reader that has gone ends the program as it ends others.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if count >= 0 {
      rest = rest.dropFirst(count)
    } else if errno == EAGAIN {
      var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&request, 1, -1)
    } else if errno != EINTR {
      guard errno == EPIPE else { exit(ExitStatus.failed.rawValue) }
      BrokenPipe.end()
    }
  }
}
