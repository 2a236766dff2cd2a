import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// `berth serve --detach`: a server in the background.
enum Detached {
  /// Starts the server in a session of its own, waits until it answers `initialize`, and prints where it is.
  ///
  /// Where the home has a server already, that one is printed.
  static func start(home: Home, arguments: [String]) throws {
    if let server = try? answer(home) { return show(server) }
    try home.create()
    try start(home: home, arguments: arguments, isFirst: true)
  }

  private static func start(home: Home, arguments: [String], isFirst: Bool) throws {
    let errors = home.logs + "/start.log"
    unlink(errors)
    let process = try ChildProcess(
      ChildProcess.ownProgram, arguments, input: .null(), output: .null(), error: .appending(to: errors),
      newSession: true)
    while true {
      if let server = try? answer(home) {
        // Another start was quicker. This one must not take the home later, when that server has been stopped.
        if server.pid != process.processID {
          process.send(SIGKILL)
          process.wait()
        }
        return show(server)
      }
      if let code = process.endedWith {
        // Another start has the home, and may not answer yet.
        if let server = awaitOther(home) { return show(server) }
        // Whoever had the home was just ending, perhaps. What is wrong for good is so the second time, too.
        if isFirst { return try start(home: home, arguments: arguments, isFirst: false) }
        let words = String(decoding: (try? SmallFile.read(errors)) ?? [], as: UTF8.self)
        throw Failure(words.isEmpty ? "the server ended with \(code); see \(home.log)" : words.withoutPrefix("berth: "))
      }
      process.waitBriefly()
    }
  }

  /// Waits a few seconds for a server that has taken the home and is just starting. Nil where nobody holds the home.
  private static func awaitOther(_ home: Home) -> ServerRecord? {
    for _ in 0..<500 {
      if let server = try? answer(home) { return server }
      // A lock that can be had is given back at once.
      if let lock = try? LockFile.acquire(home.lock) {
        withExtendedLifetime(lock) {}
        return nil
      }
      poll(nil, 0, 10)
    }
    return nil
  }

  /// The record of the home's server, once a handshake has shown that it is alive.
  private static func answer(_ home: Home) throws -> ServerRecord {
    guard let record = ServerRecord(home: home), !record.socket.isEmpty else { throw Disconnected() }
    let client = try Client(MessageTransport(socket: record.socket), name: "berth serve --detach")
    guard client.server.instanceId == record.instanceID else { throw Disconnected() }
    return record
  }

  private static func show(_ record: ServerRecord) {
    print(record.jsonString)
  }
}

extension String {
  fileprivate func withoutPrefix(_ prefix: String) -> String {
    var text = hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
