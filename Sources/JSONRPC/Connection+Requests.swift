package import JSON
import NIOCore
import Platform

/// An answer after which something begins: it is called once the answer is on its way, so that what it sends comes
/// later.
package struct AnswerThen<Value: JSONEncodable & Sendable>: JSONEncodable, Sendable {
  package let value: Value
  package let then: @Sendable () -> Void

  package init(_ value: Value, then: @escaping @Sendable () -> Void) {
    self.value = value
    self.then = then
  }

  package func encode(into writer: inout JSONWriter) {
    value.encode(into: &writer)
  }
}

private protocol FollowedAnswer {
  var then: @Sendable () -> Void { get }
}

extension AnswerThen: FollowedAnswer {}

extension Connection {
  private static let maximumParsedEarly = 16 << 10

  func carryOut(_ message: Message) {
    guard message.isBatch else { return carryOut(message.entries[0], of: message, batch: nil) }
    guard !message.entries.isEmpty else {
      return answer(.null, .failure(.invalidRequest("a batch must not be empty")))
    }
    guard message.entries.count <= configuration.maximumBatch else {
      return answer(.null, .failure(configuration.batchTooLarge))
    }
    let batch = Batch(maximumBytes: configuration.maximumMessageBytes)
    for entry in message.entries { carryOut(entry, of: message, batch: batch) }
    batch.complete()
    if let text = batch.text { write(text) }
  }

  private func carryOut(_ entry: Message.Entry, of message: Message, batch: Batch?) {
    let envelope = entry.envelope
    let paramsText = envelope.params.flatMap(message.slice)
    switch envelope.kind {
    case .invalid(let id, let reason):
      respond(id, .failure(.invalidRequest(reason)), to: place(of: id, in: batch))
    case .response(let id):
      if let answer = envelope.answer, let text = message.slice(answer.range) {
        take(answerTo: id, text, isError: answer.isError)
      }
    case .notification:
      notify(Request(method: envelope.method, paramsText: paramsText, connection: self, place: nil))
    case .request(let id):
      let place = place(of: id, in: batch)
      let began = now()
      switch delegate.route(envelope.method, isNotification: false) {
      case .refused(let error):
        respond(id, .failure(error), to: place)
      case .inline(let handler):
        let request = Request(method: envelope.method, paramsText: paramsText, connection: self, place: nil)
        do {
          respond(id, .success(try handler(request)), to: place)
        } catch {
          respond(id, .failure(delegate.rpcError(error)), to: place)
        }
        delegate.answered(envelope.method, nanoseconds: now() &- began, connection: self)
      case .concurrent(let handler):
        begin(id, envelope.method, paramsText, place, lane: nil, began: began, handler)
      case .serial(let lane, let member, let handler):
        let value = member.flatMap { message.member($0, of: entry) } ?? []
        let lane = "\(lane) \(String(decoding: value, as: UTF8.self))"
        begin(id, envelope.method, paramsText, place, lane: lane, began: began, handler)
      }
    }
  }

  private func place(of id: RequestID, in batch: Batch?) -> (Batch, slot: Int)? {
    batch.map { ($0, $0.reserve(refusal: encodedAnswer(id, .failure(configuration.resultTooLarge)))) }
  }

  /// Notifications are never answered, whatever becomes of them.
  private func notify(_ request: Request) {
    switch delegate.route(request.method, isNotification: true) {
    case .refused: break
    case .inline(let handler): _ = try? handler(request)
    case .concurrent(let handler), .serial(_, _, let handler):
      Task(executorPreference: configuration.pool) { _ = try? await handler(request) }
    }
  }

  private func begin(
    _ id: RequestID, _ method: String, _ paramsText: ByteBuffer?, _ place: (Batch, slot: Int)?, lane: String?,
    began: UInt64, _ handler: @escaping @Sendable (Request) async throws -> Answer
  ) {
    let serial = open.nextSerial()
    let pool = configuration.pool
    let entry = OpenRequests.Entry(
      id: id, method: method, bytes: paramsText?.readableBytes ?? 0, batch: place, lane: lane, began: began, task: nil)
    let lane = open.begin(serial, entry) { Lane(pool: pool) }
    var request = Request(method: method, paramsText: paramsText, connection: self, place: lane.map { ($0, serial) })
    // Those in a lane may have to wait for others. What takes a moment is done meanwhile.
    if lane != nil, let paramsText, paramsText.readableBytes <= Self.maximumParsedEarly {
      request.parsed = try? request.params()
    }
    let task = Task(executorPreference: lane ?? pool as any TaskExecutor) { [request] in
      if let lane, await lane.turn(of: serial) == .cancelled { return }
      let result: Result<Answer, RPCError>
      do {
        // However many requests have begun, answers that the peer does not take are not made in advance.
        try await self.outbox.roomForAnswer()
        result = .success(try await handler(request))
      } catch {
        result = .failure(self.delegate.rpcError(error))
      }
      self.put(.answer(serial: serial, self.encodedAnswer(id, result)))
      if case .success(let answer) = result, let answer = answer as? any FollowedAnswer { answer.then() }
      lane?.leave(serial)
    }
    open.attach(task, to: serial)
    if cancelsNewWork { task.cancel() }
  }

  /// Puts the answer of an open request on its way.
  func finish(_ serial: UInt64, _ text: [UInt8]) {
    guard let entry = open.end(serial) else { return }
    deliver(text, to: entry.batch)
    delegate.answered(entry.method, nanoseconds: now() &- entry.began, connection: self)
  }

  private func respond(_ id: RequestID, _ result: Result<Answer, RPCError>, to place: (Batch, slot: Int)?) {
    deliver(encodedAnswer(id, result), to: place)
  }

  private func deliver(_ text: [UInt8], to place: (Batch, slot: Int)?) {
    guard let (batch, slot) = place else { return write(text) }
    batch.fill(slot, text)
    if let text = batch.text { write(text) }
  }

  /// The answer's text. Safe on any thread.
  func encodedAnswer(_ id: RequestID, _ result: Result<Answer, RPCError>) -> [UInt8] {
    var writer = JSONWriter(reservingCapacity: 256)
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    writer.key(plain: "id")
    writer.raw(id.json)
    switch result {
    case .success(let value):
      writer.key(plain: "result")
      value.encode(into: &writer)
    case .failure(let error):
      writer.key(plain: "error")
      error.encode(into: &writer)
    }
    writer.endObject()
    if writer.bytes.count > configuration.maximumMessageBytes, case .success = result {
      return encodedAnswer(id, .failure(configuration.resultTooLarge))
    }
    return writer.bytes
  }

  private func now() -> UInt64 {
    UInt64(Timestamp.monotonicNanoseconds())
  }
}
