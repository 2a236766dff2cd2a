import Logging
import JSON
import NIOCore
package import Platform
import Synchronization

/// How the standard input and output of `berth serve --stdio` come to the server of the home.
///
/// The process connects to the server's handover socket and sends one line of JSON together with the two descriptors.
/// The server answers with a line, speaks with the peer itself, and at the end sends a line with the exit code. Either
/// side sees the other's death as the end of the socket.
package enum Handover {
  /// The form of the lines. Servers and processes of different versions of Berth understand each other as long as it
  /// stays the same.
  static let format = 1

  /// What the server said when it took the descriptors.
  package struct Accepted: Sendable {
    package let serverVersion: String
    let lines: LineReader
  }

  package struct Refused: Error {
    package let reason: String
  }

  /// Hands two descriptors, pipes or sockets, to the server that listens on a handover socket.
  package static func offer(
    input: OwnedDescriptor, output: OwnedDescriptor, to path: String
  ) throws -> Accepted {
    let socket = try UnixSocket.connect(path)
    let line: JSONValue = ["handover": .integer(format), "version": .string(Server.version)]
    try input.withDescriptor { inputNumber in
      try output.withDescriptor { outputNumber in
        try UnixSocket.send(
          Array(line.jsonString.utf8) + [UInt8(ascii: "\n")], descriptors: [inputNumber, outputNumber], over: socket)
      }
    }
    let lines = LineReader(socket)
    let answer = try lines.next(timeoutSeconds: 30)
    guard let version = answer["version"]?.stringValue, answer["accepted"] == true else {
      throw Refused(reason: answer["reason"]?.stringValue ?? "the server closed the connection")
    }
    return Accepted(serverVersion: version, lines: lines)
  }

  /// Waits for the end of what was handed over. - Returns: The exit code; nil where the server died.
  package static func waitForExit(_ accepted: Accepted) -> Int32? {
    guard let line = try? accepted.lines.next(timeoutSeconds: 0), let code = line["exitCode"]?.intValue else {
      return nil
    }
    return Int32(code)
  }
}

/// The lines of JSON that come over a socket. Several may come at once, and one in pieces.
final class LineReader: Sendable {
  private let socket: OwnedDescriptor
  private let buffer = Mutex<[UInt8]>([])

  init(_ socket: OwnedDescriptor) {
    self.socket = socket
  }

  /// - Throws: `SystemError` where nothing comes in time; a `JSONSyntaxError` at the end of the connection.
  func next(timeoutSeconds: Int) throws -> JSONValue {
    try buffer.withLock { buffer in
      while true {
        if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
          defer { buffer.removeFirst(end + 1) }
          return try JSONParser.parse(Array(buffer[..<end]))
        }
        let (bytes, _) = try UnixSocket.receive(from: socket, timeoutSeconds: timeoutSeconds)
        guard !bytes.isEmpty else { return try JSONParser.parse(buffer) }
        buffer += bytes
      }
    }
  }
}

/// Takes over what other processes hand to the server. It blocks, on threads of its own: one to accept, and one for
/// each process until its descriptors are here.
final class HandoverListener: Sendable {
  private let listener: OwnedDescriptor
  private let channels: Channels

  init(path: String, channels: Channels) throws(SystemError) {
    self.channels = channels
    listener = try UnixSocket.listen(path, backlog: 64)
    startDetached("berth-handover") { self.accept() }
  }

  private func accept() {
    while let socket = try? UnixSocket.accept(listener) {
      startDetached("berth-handover") { self.receive(socket) }
    }
  }

  private func receive(_ socket: OwnedDescriptor) {
    do {
      guard try PeerCredentials(socket: socket).isOwner else { return }
      let (bytes, descriptors) = try UnixSocket.receive(from: socket, timeoutSeconds: 10)
      let line = try JSONParser.parse(bytes)
      guard line["handover"]?.intValue == Handover.format, descriptors.count == 2 else {
        return answer(
          socket,
          [
            "accepted": false, "version": .string(Server.version),
            "reason": .string(Self.reason(line)),
          ])
      }
      guard !channels.server.isStopping else {
        return answer(
          socket, ["accepted": false, "version": .string(Server.version), "reason": "the server is stopping"])
      }
      adopt(socket, input: descriptors[0], output: descriptors[1])
    } catch {
      channels.server.log.warning("handover failed", metadata: ["detail": "\(error)"])
    }
  }

  private static func reason(_ line: JSONValue) -> String {
    let other = line["version"]?.stringValue ?? "of an unknown version"
    return "the server of this home is berth \(Server.version), which berth \(other) cannot join; "
      + "stop it with `berth stop` and start again"
  }

  private func adopt(_ socket: OwnedDescriptor, input: OwnedDescriptor, output: OwnedDescriptor) {
    answer(socket, ["accepted": true, "version": .string(Server.version)])
    let channels = channels
    Task {
      do {
        let channel = try await channels.adopt(input: input, output: output) { code in
          answer(socket, ["exitCode": .integer(Int(code))])
        }
        startDetached("berth-stdio") {
          // The process sends nothing more: what comes is its end.
          _ = try? UnixSocket.receive(from: socket, timeoutSeconds: 0)
          channel.close(promise: nil)
        }
      } catch {
        channels.server.log.warning("handover failed", metadata: ["detail": "\(error)"])
      }
    }
  }
}

private func answer(_ socket: OwnedDescriptor, _ line: JSONValue) {
  try? UnixSocket.send(Array(line.jsonString.utf8) + [UInt8(ascii: "\n")], descriptors: [], over: socket)
}
