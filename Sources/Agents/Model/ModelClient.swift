import AsyncHTTPClient
import BerthProtocol
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Platform

/// Asks a provider, over connections of its own. To be closed when it is no longer needed.
struct ModelClient: Sendable {
  let endpoint: ModelEndpoint
  private let http: HTTPClient
  private let timings: ModelTimings

  private static let maximumErrorBytes = 64 << 10
  private static let maximumListBytes = 16 << 20

  init(_ endpoint: ModelEndpoint, _ timings: ModelTimings) {
    self.endpoint = endpoint
    self.timings = timings
    var configuration = HTTPClient.Configuration()
    // A key is not to follow a redirect to wherever.
    configuration.redirectConfiguration = .disallow
    configuration.timeout = .init(
      connect: .milliseconds(Int64(timings.connectSeconds * 1000)),
      read: .milliseconds(Int64(timings.idleSeconds * 1000)))
    // Tries again are told, so they are made by whoever asks.
    configuration.connectionPool.retryConnectionEstablishment = false
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func close() async {
    try? await http.shutdown()
  }

  /// Asks for an answer, and takes it as it comes.
  ///
  /// - Parameter told: Called with each piece that came, and what of it is to be told.
  /// - Throws: `ModelFailure`; `CancellationError`; what `told` throws.
  func chat(_ body: [UInt8], told: ([ChatReply.Piece]) throws -> Void) async throws -> ChatReply {
    var request = HTTPClientRequest(url: endpoint.url("/chat/completions"))
    request.method = .POST
    request.headers = endpoint.headers
    request.headers.add(name: "content-type", value: "application/json")
    request.body = .bytes(body)
    let response = try await send(request)
    var reply = ChatReply()
    func take(_ events: [[UInt8]]) throws {
      var pieces: [ChatReply.Piece] = []
      for event in events where !reply.isDone { pieces += try add(event, to: &reply) }
      if !pieces.isEmpty { try told(pieces) }
    }
    // Some answer as a whole although they were asked for a stream.
    let type = response.headers.first(name: "content-type") ?? ""
    guard !type.lowercased().hasPrefix("application/json") else {
      try take([try await collect(response, maximumBytes: Self.maximumListBytes)])
      return try whole(reply)
    }
    var events = ServerSentEvents()
    try await pieces(of: response, isNeeded: { !reply.isWhole }) { piece in
      do {
        try take(try piece.withUnsafeReadableBytes { try events.take($0) })
      } catch is ServerSentEvents.TooLong {
        throw ModelFailure(kind: .refused, message: "\(endpoint.address) sent an event that is too long")
      }
      return !reply.isDone
    }
    try take(events.finish())
    return try whole(reply)
  }

  private func add(_ event: [UInt8], to reply: inout ChatReply) throws -> [ChatReply.Piece] {
    do throws(ChatReply.Fault) {
      return try reply.take(event)
    } catch {
      switch error {
      case .error(let error): throw endpoint.failure(error)
      case .malformed(let what):
        throw ModelFailure(
          kind: .unavailable(retryAfter: nil), message: "\(endpoint.address) sent \(endpoint.mask(what))")
      }
    }
  }

  private func whole(_ reply: ChatReply) throws -> ChatReply {
    if reply.isWhole { return reply }
    throw ModelFailure(kind: .cut, message: "the answer of \(endpoint.address) was cut off")
  }

  /// The models that the provider lists.
  ///
  /// - Throws: `ModelFailure`; `CancellationError`.
  func models() async throws -> [String] {
    var request = HTTPClientRequest(url: endpoint.url("/models"))
    request.headers = endpoint.headers
    let response = try await send(request)
    let body = try await collect(response, maximumBytes: Self.maximumListBytes)
    guard let list = try? JSONParser.parse(body),
      let models = list["data"]?.arrayValue ?? list["models"]?.arrayValue ?? list.arrayValue
    else {
      throw ModelFailure(kind: .refused, message: "\(endpoint.address) answered with no list of models")
    }
    return models.compactMap { ($0["id"] ?? $0["name"] ?? $0).stringValue }
  }

  // MARK: HTTP

  private func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
    let response: HTTPClientResponse
    do {
      response = try await http.execute(request, deadline: .distantFuture)
    } catch {
      throw try explain(error)
    }
    guard response.status == .ok else {
      var body: [UInt8] = []
      // The status says enough, should the rest not come.
      do {
        for try await piece in response.body {
          body += piece.readableBytesView.prefix(Self.maximumErrorBytes - body.count)
          if body.count >= Self.maximumErrorBytes { break }
        }
      } catch {}
      try Task.checkCancellation()
      throw endpoint.failure(response.status, response.headers, body)
    }
    return response
  }

  /// Takes the pieces of an answer as they come.
  ///
  /// - Parameters:
  ///   - isNeeded: Whether something would be lost if the rest did not come.
  ///   - take: Returns whether to go on.
  private func pieces(
    of response: HTTPClientResponse, isNeeded: () -> Bool = { true }, _ take: (ByteBuffer) throws -> Bool
  ) async throws {
    var failure: (any Error)?
    do {
      for try await piece in response.body {
        do {
          guard try take(piece) else { break }
        } catch {
          failure = error
          break
        }
      }
    } catch {
      let explained = try explain(error)
      if isNeeded() { throw explained }
    }
    if let failure { throw failure }
    // A task that is cancelled may be told that nothing more comes.
    try Task.checkCancellation()
  }

  private func collect(_ response: HTTPClientResponse, maximumBytes: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    try await pieces(of: response) { piece in
      bytes += piece.readableBytesView
      if bytes.count > maximumBytes {
        throw ModelFailure(kind: .refused, message: "\(endpoint.address) answered with over \(maximumBytes) bytes")
      }
      return true
    }
    return bytes
  }

  /// What an error of the connection means.
  private func explain(_ error: any Error) throws -> ModelFailure {
    if error is CancellationError || Task.isCancelled { throw CancellationError() }
    let reason: String
    switch error as? HTTPClientError {
    case .readTimeout?:
      reason = "sent nothing for \(timings.idleSeconds.formatted()) s"
    case .connectTimeout?: reason = "could not be reached within \(timings.connectSeconds.formatted()) s"
    case .remoteConnectionClosed?: return ModelFailure(kind: .cut, message: "\(endpoint.address) closed the connection")
    case .some(let error): reason = "could not be reached: \(error)"
    case nil:
      let words = (error as? IOError).map { SystemError(errno: $0.errnoCode, operation: "connect").reason }
      reason = "could not be reached: \(endpoint.mask(words ?? "\(error)"))"
    }
    return ModelFailure(kind: .unavailable(retryAfter: nil), message: "\(endpoint.address) \(reason)")
  }
}
