package import BerthProtocol
package import JSON
package import JSONRPC

/// One request that is being carried out: who asks, and what beside an answer can be sent.
package struct Call: Sendable {
  package let session: Session
  package let request: Request
  /// What `$/progress` is sent with; nil where the client does not ask for it.
  package let progressToken: JSONValue?

  /// How much an answer may hold that is not large.
  static let fewRows = 1000
  static let fewBytes = 256 << 10

  /// Makes the answer, where it may be large when it is this call's turn.
  func answer<Value: JSONEncodable & Sendable>(
    isLarge: Bool, _ make: () throws -> Value
  ) async throws -> Answer {
    isLarge ? try await request.large(make) : try make()
  }

  /// Tells how far the call has come, where the client asked for it.
  package func progress(_ value: WorkDoneProgress) async throws {
    guard let progressToken else { return }
    try await request.connection.roomToSend()
    request.connection.send(ProgressNotification.self, .init(token: progressToken, value: value))
  }
}

extension Connection {
  /// Sends a notification. Where many may follow each other, await `roomToSend` before each.
  package func send<M: Method>(_ method: M.Type, _ params: M.Params) {
    var writer = JSONWriter(reservingCapacity: 256)
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    writer.key(plain: "method")
    writer.string(M.description.name)
    writer.key(plain: "params")
    params.encode(into: &writer)
    writer.endObject()
    send(notification: writer.bytes)
  }
}
