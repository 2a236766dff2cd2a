package import BerthProtocol
package import JSON
import Platform

/// A client of a server: one connection, used from one thread at a time.
///
/// Calls block until their answer is there. Notifications that come meanwhile are kept, in order, for
/// `nextNotification`.
package final class Client {
  /// Something the server sends by itself.
  package struct Notification: Sendable {
    package let method: String
    package let params: JSONValue
    /// Of a request of the server's: what it is answered with.
    package let id: JSONValue?
  }

  private let transport: MessageTransport
  private var lastID = 0
  private var notifications: [Notification] = []
  private var answers: [Int: Result<JSONValue, CallError>] = [:]

  /// What the server said to `initialize`.
  package private(set) var server: InitializeResult

  /// Speaks over descriptors that are connected to a server.
  ///
  /// - Parameters:
  ///   - name: What the server is told of who calls.
  ///   - answersPermissions: Whether the server may ask what agents are allowed to do.
  package init(_ transport: MessageTransport, name: String, answersPermissions: Bool = false) throws {
    self.transport = transport
    server = InitializeResult(
      protocolVersion: "", supportedVersions: [], serverInfo: ServerInfo(name: "", version: ""), instanceId: "",
      capabilities: [:], families: [:], limits: Limits(maxMessageBytes: 0, maxInFlight: 0, maxBatch: 0))
    server = try request(
      Initialize.self,
      .init(
        protocolVersions: ["1"], clientInfo: ClientInfo(name: name, version: nil),
        capabilities: answersPermissions ? ["permissions": true] : nil))
  }

  // MARK: Calls

  /// Calls a method and waits for its result.
  ///
  /// - Throws: `CallError` where the server answers with an error; `Disconnected` where it has gone.
  package func request<M: Method>(_ method: M.Type, _ params: M.Params) throws -> M.Result {
    try Self.decode(call(M.description.name, params: params), of: method)
  }

  /// Calls a method, and hands over the notifications that come before its result.
  package func request<M: Method>(
    _ method: M.Type, _ params: M.Params, meanwhile notified: (Notification) throws -> Void
  ) throws -> M.Result {
    let id = try begin(M.description.name, params: params)
    while answers[id] == nil {
      while !notifications.isEmpty { try notified(notifications.removeFirst()) }
      guard try receive() else { throw Disconnected() }
    }
    return try Self.decode(result(of: id), of: method)
  }

  /// Waits for the answer to a request that was begun.
  package func result<M: Method>(of id: Int, as method: M.Type) throws -> M.Result {
    try Self.decode(result(of: id), of: method)
  }

  private static func decode<M: Method>(_ result: JSONValue, of method: M.Type) throws -> M.Result {
    do {
      return try Decoding.decode(M.Result.self, from: result)
    } catch {
      throw CallError(
        code: ErrorType.internalError.code,
        message: "The server's answer to \(M.description.name) is not of this version: \(error).")
    }
  }

  /// Calls a method by name.
  package func call(_ method: String, params: (any JSONEncodable)? = nil) throws -> JSONValue {
    try result(of: begin(method, params: params))
  }

  /// Sends a request without waiting for its answer. - Returns: Its id, for `result`.
  package func begin(_ method: String, params: (any JSONEncodable)? = nil) throws -> Int {
    lastID += 1
    try transport.write(Self.message(method, id: lastID, params: params))
    return lastID
  }

  /// Waits for the answer to a request that was begun.
  package func result(of id: Int) throws -> JSONValue {
    while true {
      if let answer = answers.removeValue(forKey: id) { return try answer.get() }
      guard try receive() else { throw Disconnected() }
    }
  }

  /// Waits until one of several requests that were begun has been answered, for `result`.
  ///
  /// - Returns: Its id; nil where none was answered in time.
  package func nextAnswer(among ids: [Int], timeoutSeconds: Double? = nil) throws -> Int? {
    let deadline = timeoutSeconds.map { Timestamp.monotonicNanoseconds() + Int64($0 * 1e9) }
    while true {
      if let id = ids.first(where: { answers[$0] != nil }) { return id }
      let rest = deadline.map { max(0, Double($0 - Timestamp.monotonicNanoseconds()) / 1e9) }
      guard try receive(timeoutSeconds: rest) else {
        if let deadline, Timestamp.monotonicNanoseconds() >= deadline { return nil }
        throw Disconnected()
      }
    }
  }

  package func notify(_ method: String, params: (any JSONEncodable)? = nil) throws {
    try transport.write(Self.message(method, id: nil, params: params))
  }

  /// Asks for a request to be cancelled; it is still answered.
  package func cancel(_ id: Int) throws {
    try notify("$/cancelRequest", params: JSONValue.object(["id": .integer(id)]))
  }

  /// Answers a request of the server's.
  package func answer(_ request: Notification, _ result: some JSONEncodable) throws {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    writer.key(plain: "id")
    (request.id ?? .null).encode(into: &writer)
    writer.key(plain: "result")
    result.encode(into: &writer)
    writer.endObject()
    try transport.write(writer.bytes)
  }

  // MARK: Notifications

  /// The next notification. Nil where none comes in time, or the connection has ended.
  ///
  /// - Parameter timeoutSeconds: How long to wait; nil for as long as the connection lasts.
  package func nextNotification(timeoutSeconds: Double? = nil) throws -> Notification? {
    let deadline = timeoutSeconds.map { Timestamp.monotonicNanoseconds() + Int64($0 * 1e9) }
    while notifications.isEmpty {
      let rest = deadline.map { max(0, Double($0 - Timestamp.monotonicNanoseconds()) / 1e9) }
      guard try receive(timeoutSeconds: rest) else { return nil }
    }
    return notifications.removeFirst()
  }

  /// Takes one message in. - Returns: False where none came in time, or the connection has ended.
  private func receive(timeoutSeconds: Double? = nil) throws -> Bool {
    guard let text = try transport.read(timeoutSeconds: timeoutSeconds) else { return false }
    let message = try JSONParser.parse(text)
    if let method = message["method"]?.stringValue {
      notifications.append(Notification(method: method, params: message["params"] ?? .null, id: message["id"]))
    } else if let id = message["id"]?.intValue {
      if let error = message["error"] {
        answers[id] = .failure(CallError(error))
      } else {
        answers[id] = .success(message["result"] ?? .null)
      }
    } else if let error = message["error"] {
      throw CallError(error)
    }
    return true
  }

  private static func message(_ method: String, id: Int?, params: (any JSONEncodable)?) -> [UInt8] {
    var writer = JSONWriter(reservingCapacity: 256)
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    if let id {
      writer.key(plain: "id")
      writer.integer(id)
    }
    writer.key(plain: "method")
    writer.string(method)
    if let params {
      writer.key(plain: "params")
      params.encode(into: &writer)
    }
    writer.endObject()
    return writer.bytes
  }
}

/// The connection ended while an answer was awaited.
package struct Disconnected: Error, CustomStringConvertible {
  package init() {}

  package var description: String { "the server closed the connection" }
}
