import Glibc
package import JSON
package import Platform

/// A connection on which a test says exactly the bytes it wants, in either framing, over the socket or over the standard
/// streams of a process.
package final class Wire {
  package enum Framing: Sendable, CaseIterable {
    case contentLength, lines
  }

  package enum Way: Sendable, CaseIterable {
    case socket, stdio, inProcess
  }

  package let framing: Framing
  private var input: OwnedDescriptor
  private var output: OwnedDescriptor?
  private var process: ChildProcess?
  private var buffer: [UInt8] = []

  /// - Parameter home: A home whose server runs, for `socket`; for `stdio` one is started where none does.
  package init(_ way: Way, _ framing: Framing, home: Home) throws {
    self.framing = framing
    switch way {
    case .socket:
      let socket = try UnixSocket.connect(home.socket)
      (input, output) = (socket, socket)
    case .stdio, .inProcess:
      let mode = way == .inProcess ? ["--in-process"] : []
      let (process, input, output) = try Self.spawn(
        TestServer.berth, ["serve", "--stdio", "--home", home.path] + mode)
      (self.process, self.input, self.output) = (process, input, output)
    }
  }

  /// Speaks with a program over its standard input and output.
  package init(_ framing: Framing, program: String, _ arguments: [String]) throws {
    self.framing = framing
    let (process, input, output) = try Self.spawn(program, arguments)
    (self.process, self.input, self.output) = (process, input, output)
  }

  deinit {
    kill()
  }

  private static func spawn(
    _ program: String, _ arguments: [String]
  ) throws -> (ChildProcess, OwnedDescriptor, OwnedDescriptor) {
    let (input, output) = (try OwnedDescriptor.pipe(), try OwnedDescriptor.pipe())
    let process = try ChildProcess(program, arguments, input: input.read, output: output.write, error: .null())
    return (process, output.read, input.write)
  }

  /// Kills the process, where there is one, and waits for its end.
  package func kill() {
    process?.send(SIGKILL)
    process?.wait()
    process = nil
  }

  package var pid: Int32 { process?.processID ?? 0 }

  // MARK: Sending

  /// A message's bytes in this connection's framing.
  package func framed(_ text: String) -> [UInt8] {
    switch framing {
    case .contentLength: Array("Content-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8)
    case .lines: Array("\(text)\n".utf8)
    }
  }

  package func send(_ text: String) throws {
    try send(bytes: framed(text))
  }

  package func send(bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try output?.write($0) }
  }

  /// Ends what this side sends; answers can still be read.
  package func endInput() {
    output?.withDescriptor { _ = shutdown($0, Int32(SHUT_WR)) }
    output = nil
  }

  // MARK: Receiving

  /// The next message. Nil at the end of the connection, or where none comes within the deadline.
  package func next(timeoutSeconds: Double = 20) throws -> JSONValue? {
    let deadline = Timestamp.monotonicNanoseconds() + Int64(timeoutSeconds * 1e9)
    while true {
      if let text = takeMessage() { return try JSONParser.parse(text) }
      let rest = Int32(clamping: (deadline - Timestamp.monotonicNanoseconds()) / 1_000_000)
      var request = input.withDescriptor { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard rest > 0, poll(&request, 1, rest) > 0 else { return nil }
      var piece = [UInt8](repeating: 0, count: 65536)
      let count = input.withDescriptor { read($0, &piece, piece.count) }
      guard count > 0 else { return nil }
      buffer += piece[..<count]
    }
  }

  /// Sends a request and returns what comes next.
  package func call(_ text: String) throws -> JSONValue? {
    try send(text)
    return try next()
  }

  package func initialize() throws {
    _ = try call(#"{"jsonrpc":"2.0","id":"init","method":"initialize","params":{}}"#)
  }

  /// Whether the connection ends within the deadline, with nothing more said.
  package func ends() throws -> Bool {
    let began = Timestamp.monotonicNanoseconds()
    return try next() == nil && Timestamp.monotonicNanoseconds() - began < 19_000_000_000
  }

  /// Waits for the process's end. - Returns: Its exit code; nil where there is no process.
  package func exitCode() -> Int32? {
    defer { process = nil }
    return process?.wait()
  }

  private func takeMessage() -> [UInt8]? {
    switch framing {
    case .lines:
      guard let end = buffer.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
      defer { buffer.removeFirst(end + 1) }
      return Array(buffer[..<end])
    case .contentLength:
      let separator = Array("\r\n\r\n".utf8)
      guard let end = buffer.indices.first(where: { buffer[$0...].starts(with: separator) }) else { return nil }
      let header = String(decoding: buffer[..<end], as: UTF8.self)
      guard let length = Int(header.drop { !$0.isNumber }), buffer.count >= end + 4 + length else { return nil }
      defer { buffer.removeFirst(end + 4 + length) }
      return Array(buffer[(end + 4)..<(end + 4 + length)])
    }
  }
}
