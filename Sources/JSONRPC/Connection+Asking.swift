package import JSON
import NIOCore
import Platform
import Platform

/// Requests of the server's to the peer.
extension Connection {
  /// Asks the peer. Await `roomToSend` where many may follow each other.
  ///
  /// - Parameters:
  ///   - params: JSON text of an object.
  ///   - answered: Called with the peer's answer, on the event loop; never where the connection ends before.
  /// - Returns: What the request is withdrawn with.
  @discardableResult
  package func ask(
    _ method: String, params: [UInt8], answered: @escaping @Sendable (Result<JSONValue, RPCError>) -> Void
  ) -> RequestID {
    var writer = JSONWriter()
    writer.string(Identifier.make("ask"))
    let id = RequestID(json: writer.bytes)
    writer.removeAll()
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    writer.key(plain: "id")
    writer.raw(id.json)
    writer.key(plain: "method")
    writer.string(method)
    writer.key(plain: "params")
    writer.raw(params)
    writer.endObject()
    // Entered before it is sent: both are done on the loop, in this order.
    eventLoop.execute { self.asked[id] = answered }
    send(notification: writer.bytes)
    return id
  }

  /// Takes a question back: its answer is not looked at any more.
  package func withdraw(_ id: RequestID) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    writer.key(plain: "method")
    writer.string("$/cancelRequest")
    writer.key(plain: "params")
    writer.beginObject()
    writer.key(plain: "id")
    writer.raw(id.json)
    writer.endObject()
    writer.endObject()
    let text = writer.bytes
    eventLoop.execute {
      guard self.asked.removeValue(forKey: id) != nil else { return }
      self.send(notification: text)
    }
  }

  /// Hands an answer to who asked; one that nobody asked for is dropped.
  func take(answerTo id: RequestID, _ text: ByteBuffer, isError: Bool) {
    guard let answered = asked.removeValue(forKey: id),
      let value = try? text.withUnsafeReadableBytesTyped(JSONParser.parse)
    else { return }
    if isError {
      answered(
        .failure(
          RPCError(
            code: value["code"]?.intValue ?? 0, message: value["message"]?.stringValue ?? "", data: value["data"])))
    } else {
      answered(.success(value))
    }
  }
}
