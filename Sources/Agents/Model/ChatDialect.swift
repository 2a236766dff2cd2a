import JSON

/// What not every provider takes. Each is tried as most have it; one that is told to be unknown is left out or replaced
/// from then on.
struct ChatDialect: Sendable, Hashable {
  enum Member: String, Sendable, CaseIterable {
    case streamOptions = "stream_options"
    case completionTokens = "max_completion_tokens"
  }

  private(set) var changed: Set<Member> = []

  /// - Returns: Whether the same is worth another try so.
  mutating func change(_ member: Member) -> Bool { changed.insert(member).inserted }

  func put(maxOutputTokens: Int?, into request: inout JSONObject) {
    request["stream"] = true
    if !changed.contains(.streamOptions) { request["stream_options"] = ["include_usage": true] }
    guard let maxOutputTokens else { return }
    let name = changed.contains(.completionTokens) ? Member.completionTokens.rawValue : "max_tokens"
    request[name] = .integer(maxOutputTokens)
  }
}
