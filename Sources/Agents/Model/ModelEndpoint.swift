import BerthProtocol
import Foundation
import JSON
import NIOCore
import NIOHTTP1

/// Where a provider is, and what it is asked with.
struct ModelEndpoint: Sendable {
  private let base: URLComponents
  private let key: String?

  /// What a model's key is called among an agent's secrets.
  static let secret = "API_KEY"

  var hasKey: Bool { key != nil }

  /// - Returns: nil for what is no base URL; `fault(of:)` tells why.
  init?(_ agent: ResolvedAgent) {
    guard Self.fault(of: agent.config.baseUrl) == nil, var base = URLComponents(string: agent.config.baseUrl ?? "")
    else { return nil }
    for end in ["/chat/completions", "/"] where base.path.hasSuffix(end) { base.path.removeLast(end.count) }
    while base.path.hasSuffix("/") { base.path.removeLast() }
    self.base = base
    key = agent.secrets[Self.secret].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// What is wrong with a base URL; nil where it can be used.
  static func fault(of baseUrl: String?) -> String? {
    guard let baseUrl else {
      return "It has no `baseUrl`. Set the provider's endpoint, such as `https://api.openai.com/v1`."
    }
    guard let url = URLComponents(string: baseUrl), let host = url.host, !host.isEmpty,
      ["http", "https"].contains(url.scheme?.lowercased())
    else { return "Its `baseUrl` is no http or https URL. Set the provider's endpoint, up to `/v1`." }
    guard url.user == nil, url.password == nil else {
      return "Its `baseUrl` holds a password. Keep it with `agent/configure` as `API_KEY`, and leave it out here."
    }
    return nil
  }

  func url(_ path: String) -> String {
    var url = base
    url.path += path
    return url.string ?? ""
  }

  /// The endpoint for people.
  var address: String {
    var url = base
    url.query = nil
    url.fragment = nil
    return url.string ?? ""
  }

  var headers: HTTPHeaders {
    var headers = HTTPHeaders([("user-agent", "berth"), ("accept", "text/event-stream, application/json")])
    if let key {
      headers.add(name: "authorization", value: "Bearer \(key)")
      // Its list of models wants these, though its chat does not.
      if base.host == "api.anthropic.com" {
        headers.add(name: "x-api-key", value: key)
        headers.add(name: "anthropic-version", value: "2023-06-01")
      }
    }
    return headers
  }

  /// A text that may hold the key, without it.
  func mask(_ text: String) -> String {
    guard let key, key.count >= 4 else { return text }
    return text.replacingOccurrences(of: key, with: "***")
  }

  // MARK: Failures

  private static let maximumMessage = 1000

  /// Why an answer is none.
  ///
  /// - Parameter body: Its beginning.
  func failure(_ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ body: [UInt8]) -> ModelFailure {
    let error = try? JSONParser.parse(body)
    let said = error.flatMap(Self.message) ?? String(decoding: body, as: UTF8.self)
    let retryAfter = headers.first(name: "retry-after").flatMap {
      RetryAfter.seconds($0, now: Date().timeIntervalSince1970)
    }
    var message = "\(address) answered \(status.code)"
    let words = mask(said).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    if !words.isEmpty { message += ": \(words.prefix(Self.maximumMessage))" }
    while message.last == "." { message.removeLast() }
    return ModelFailure(
      kind: Self.kind(status.code, code: error.flatMap(Self.code), said, retryAfter: retryAfter), message: message)
  }

  /// Why an answer that has begun well goes on with an error.
  func failure(_ error: JSONValue) -> ModelFailure {
    let said = Self.message(["error": error]) ?? error.jsonString
    let code = Self.code(["error": error])
    let status =
      error["code"]?.intValue ?? error["code"]?.stringValue.flatMap { Int($0) } ?? error["status_code"]?.intValue
    let kind: ModelFailure.Kind =
      switch (status, code) {
      case (.some(let status), _): Self.kind(UInt(clamping: status), code: code, said, retryAfter: nil)
      case (nil, .some(let code)) where code.contains("rate_limit"): .rateLimited(retryAfter: nil)
      case (nil, .some(let code)) where code.contains("invalid"): Self.kind(400, code: code, said, retryAfter: nil)
      case (nil, _): Self.isAboutContext(code, said) ? .contextExceeded : .unavailable(retryAfter: nil)
      }
    return ModelFailure(
      kind: kind, message: "\(address) broke off its answer: \(mask(said).prefix(Self.maximumMessage))")
  }

  private static func kind(_ status: UInt, code: String?, _ said: String, retryAfter: Double?) -> ModelFailure.Kind {
    switch status {
    // Out of credit: nothing that passes.
    case 429 where code == "insufficient_quota": return .refused
    case 429: return .rateLimited(retryAfter: retryAfter)
    case 408, 409, 425, 500...: return .unavailable(retryAfter: retryAfter)
    case 401, 403: return .unauthorized
    case 400, 413, 422:
      if isAboutContext(code, said) { return .contextExceeded }
      for member in ChatDialect.Member.allCases where said.contains(member.rawValue) { return .unknownMember(member) }
      return .refused
    default: return .refused
    }
  }

  private static func isAboutContext(_ code: String?, _ said: String) -> Bool {
    if code == "context_length_exceeded" { return true }
    let said = said.lowercased()
    return [
      "context length", "context window", "context size", "maximum context", "prompt is too long", "too many tokens",
      "input is too long", "exceeds the maximum number of tokens", "exceed_context_size",
    ].contains { said.contains($0) }
  }

  /// Providers write `{"error": {"message": …}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, or a list of one.
  private static func message(_ answer: JSONValue) -> String? {
    let answer = answer.arrayValue?.first ?? answer
    for value in [answer["error"]?["message"], answer["error"], answer["message"], answer["detail"]] {
      if let text = value?.stringValue { return text }
    }
    return (answer["error"] ?? answer["detail"])?.jsonString
  }

  private static func code(_ answer: JSONValue) -> String? {
    let error = (answer.arrayValue?.first ?? answer)["error"]
    return error?["code"]?.stringValue ?? error?["type"]?.stringValue
  }
}
