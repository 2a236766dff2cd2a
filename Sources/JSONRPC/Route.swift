package import JSON
package import NIOCore

/// A request or notification that is being carried out.
package struct Request: Sendable {
  package let method: String
  /// The JSON text of the parameters: an object or an array. Nil where there are none.
  package let paramsText: ByteBuffer?
  package let connection: Connection
  /// Where it stands in a lane; nil for what is not carried out in one.
  let place: (lane: Lane, serial: UInt64)?
  /// The parameters as a tree, where that was made before anybody asked.
  var parsed: JSONValue?

  /// The parameters as a tree. They were checked with the envelope, so they parse.
  package func params() throws(JSONSyntaxError) -> JSONValue? {
    guard parsed == nil, let paramsText else { return parsed }
    return try paramsText.withUnsafeReadableBytesTyped(JSONParser.parse)
  }

  /// Makes an answer that may be of megabytes, when it is this request's turn. Of each connection two are made at a time,
  /// and none while the peer does not read: all that has begun would make its answer at once otherwise. It is made where
  /// the task is cancelled too: it does not wait for anything that may not come.
  package func large<Value: JSONEncodable & Sendable>(_ make: () throws -> Value) async throws -> Answer {
    let gate = connection.largeAnswers
    await gate.enter()
    do {
      try await connection.outbox.roomForAnswer()
      return AnswerThen(try make()) { gate.leave() }
    } catch {
      gate.leave()
      throw error
    }
  }

  /// Lets the next request of this one's serial lane begin before this one is answered. For what waits, once the part
  /// that has an order is done.
  package func leaveLane() {
    if let place { place.lane.leave(place.serial) }
  }
}

package typealias Answer = any JSONEncodable & Sendable

/// How a method is carried out.
package enum Route: Sendable {
  /// At once, on the connection's event loop: only what answers from memory in microseconds.
  case inline(@Sendable (Request) throws -> Answer)
  /// Beside all others, on the worker pool.
  case concurrent(@Sendable (Request) async throws -> Answer)
  /// On the worker pool, one after the other in the order of arrival. The lane is the name together with the value of
  /// the member of `params`.
  case serial(lane: String, member: String?, @Sendable (Request) async throws -> Answer)
  /// Not at all. Requests are answered with the error, notifications dropped.
  case refused(RPCError)
}

/// What a connection asks of those who know the methods. All functions are called on the connection's event loop.
package protocol ConnectionDelegate: AnyObject, Sendable {
  func route(_ method: String, isNotification: Bool) -> Route
  /// What a handler threw, as it goes on the wire.
  func rpcError(_ error: any Error) -> RPCError
  /// A request was answered.
  func answered(_ method: String, nanoseconds: UInt64, connection: Connection)
  func closed(_ connection: Connection)
}

extension ByteBuffer {
  package func withUnsafeReadableBytesTyped<T>(
    _ body: (UnsafeRawBufferPointer) throws(JSONSyntaxError) -> T
  ) throws(JSONSyntaxError) -> T {
    let result: Result<T, JSONSyntaxError> = withUnsafeReadableBytes { bytes in
      do throws(JSONSyntaxError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}
