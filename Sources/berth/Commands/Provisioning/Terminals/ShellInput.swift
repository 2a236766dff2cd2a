import BerthClient
import BerthProtocol
import Glibc
import Platform

/// What goes to a shell: keys, the terminal's size, and the wish to leave. On a connection and a thread of its own.
struct ShellInput: Sendable {
  let connection: String
  let connect: @Sendable () throws -> Client
  /// Tells signals; see `RawTerminal`.
  let signals: OwnedDescriptor

  /// How long the server has to close the shell, in seconds.
  private static let closingSeconds = 2.0
  /// Ctrl-D.
  private static let endOfInput = "\u{4}"
  /// How long after the first end of input the next is typed. It doubles each time.
  private static let firstRepetitionMilliseconds: Int32 = 200
  private static let maximumRepetitionMilliseconds: Int32 = 5000

  func start() {
    startDetached("shell-input") { run() }
  }

  private func run() {
    guard let client = try? connect() else { return }
    var keys = TypedKeys(hasEscape: Terminal.inputIsTerminal)
    var readsInput = true
    // An end that is typed while the shell makes its terminal ready is lost, and one that a command reads is no longer
    // there for the shell: an end of input stays.
    var repetition = Self.firstRepetitionMilliseconds
    while true {
      var requests = [
        pollfd(fd: signals.withDescriptor { $0 }, events: Int16(POLLIN), revents: 0),
        // One whose number is negative is left out.
        pollfd(fd: readsInput ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
      ]
      let count = poll(&requests, 2, readsInput ? -1 : repetition)
      do {
        guard count > 0 else {
          if count == 0 {
            try send(Self.endOfInput, client)
            repetition = min(repetition * 2, Self.maximumRepetitionMilliseconds)
          }
          continue
        }
        if requests[0].revents != 0 { try take(signal: nextSignal(), client) }
        guard requests[1].revents != 0 else { continue }
        readsInput = try takeInput(&keys, client)
      } catch {
        // The shell has ended, or the server: that is told where the output is read.
        return
      }
    }
  }

  private func nextSignal() -> Int32 {
    var byte: UInt8 = 0
    return signals.withDescriptor { read($0, &byte, 1) } == 1 ? Int32(byte) : 0
  }

  private func take(signal: Int32, _ client: Client) throws {
    guard signal != 0 else { return }
    guard signal == SIGWINCH else { leave(client, status: 128 + signal) }
    guard let size = TerminalSize.ofTerminal else { return }
    _ = try client.request(ConnectionResize.self, .init(connection: connection, terminal: size))
  }

  /// - Returns: Whether there may be more.
  private func takeInput(_ keys: inout TypedKeys, _ client: Client) throws -> Bool {
    guard let bytes = try Input.readSome() else {
      // A terminal that is gone, or the end of a pipe.
      if Terminal.inputIsTerminal { leave(client, status: 128 + SIGHUP) }
      try send(Self.endOfInput, client)
      return false
    }
    let (text, leaves) = keys.take(bytes)
    try send(text, client)
    if leaves {
      RawTerminal.restore()
      Messages.line("\nleft; the shell is closed")
      leave(client, status: 0)
    }
    return true
  }

  private func send(_ text: String, _ client: Client) throws {
    guard !text.isEmpty else { return }
    _ = try client.request(ConnectionInput.self, .init(connection: connection, text: text))
  }

  /// Closes the shell, and ends the program.
  private func leave(_ client: Client, status: Int32) -> Never {
    let params = ConnectionDelete.Params(connection: connection)
    if let id = try? client.begin(ConnectionDelete.description.name, params: params) {
      _ = try? client.nextAnswer(among: [id], timeoutSeconds: Self.closingSeconds)
    }
    RawTerminal.restore()
    exit(status)
  }
}

extension TerminalSize {
  /// That of the terminal; nil where none says.
  static var ofTerminal: TerminalSize? {
    Terminal.size.map { TerminalSize(columns: min(1000, max(1, $0.columns)), rows: min(1000, max(1, $0.rows))) }
  }
}
