package import BerthProtocol
import JSON
package import Platform

/// Finds the server of a home, and starts it where none runs.
package enum Launch {
  /// No server answers, and none could be started.
  package struct Unavailable: Error, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }
  }

  /// Connects to the home's server.
  ///
  /// - Parameters:
  ///   - socket: The server's socket; nil for the one that the home's server listens on.
  ///   - program: The `berth` that starts a server where none runs; nil for not starting one.
  package static func connect(
    home: Home, socket: String? = nil, startingWith program: String? = nil, name: String
  ) throws -> Client {
    if let transport = transport(home: home, socket: socket) {
      do {
        return try Client(transport, name: name)
      } catch is Disconnected {
        // It was just ending.
      }
    }
    guard let program else {
      throw Unavailable(reason: "no server runs on \(socket ?? home.path); start one with `berth serve --detach`")
    }
    let record = try start(home: home, socket: socket, program: program)
    return try Client(MessageTransport(socket: record.socket), name: name)
  }

  /// A connection to the server that runs; nil where none does.
  private static func transport(home: Home, socket: String?) -> MessageTransport? {
    if let socket { return try? MessageTransport(socket: socket) }
    if let record = ServerRecord(home: home), !record.socket.isEmpty,
      let transport = try? MessageTransport(socket: record.socket)
    {
      return transport
    }
    return try? MessageTransport(socket: home.socket)
  }

  /// Starts a detached server and waits until it answers.
  package static func start(home: Home, socket: String? = nil, program: String) throws -> ServerRecord {
    var arguments = ["serve", "--detach", "--leave-when-idle", "--home", home.path]
    if let socket { arguments += ["--socket", socket] }
    let (process, output, errors) = try ChildProcess.capturing(program, arguments)
    let answer = try output.readAll()
    let words = String(decoding: try errors.readAll(), as: UTF8.self)
    guard process.wait() == 0, let json = try? JSONParser.parse(answer), let socket = json["socket"]?.stringValue else {
      throw Unavailable(reason: words.isEmpty ? "the server could not be started" : words.trimmed)
    }
    return ServerRecord(
      pid: json["pid"]?.intValue ?? 0, version: json["version"]?.stringValue ?? "", socket: socket,
      instanceID: json["instanceId"]?.stringValue ?? "")
  }
}

extension String {
  fileprivate var trimmed: String {
    String(reversed().drop { $0.isWhitespace }.reversed())
  }
}
