import JSON

/// Keeps what a model is sent within its context.
///
/// The rule: four bytes of a message count as a token, and a picture as 1,500; that is corrected by what the provider
/// counted for the request before. What may be sent is `contextTokens` less what is kept for the answer
/// (`maxOutputTokens`, or a quarter of the context and at most 8,192 tokens) and less what the tools' definitions take.
/// Where a conversation is more than that, it is brought down to three quarters of it, so that not each request is cut
/// anew, which would make the provider's cache useless:
///
/// 1. Of tool calls before the last step, long results and arguments are shortened, from the oldest on.
/// 2. The oldest whole exchanges (from a message of the user's to the next one) are left out. The system prompt and
///    what came since the user's last message always stay.
///
/// What was shortened or left out once stays so. The conversation itself is kept whole.
struct ContextWindow: Sendable {
  /// Messages before this one are left out.
  private(set) var firstKept = 0
  /// Tool calls before this message are shortened.
  private(set) var firstWhole = 0
  /// How many tokens there really are for each that was estimated.
  private(set) var correction = 1.0
  /// How many tokens messages may take in all.
  let budget: Int
  /// What goes along with each request.
  private let fixedTokens: Int

  static let bytesPerToken = 4
  static let imageTokens = 1500
  /// A text of a tool call that is shortened is cut to so many bytes.
  static let shortenedBytes = 400

  /// What was done to make a conversation fit.
  struct Cut: Sendable, Hashable {
    /// How many messages' tool calls were shortened now, and how many messages were left out.
    var shortened = 0
    var leftOut = 0
  }

  /// - Parameter fixedTokens: What the tools' definitions take.
  init(contextTokens: Int, maxOutputTokens: Int?, fixedTokens: Int) {
    let answer = maxOutputTokens.map { min($0, contextTokens / 2) } ?? min(8192, contextTokens / 4)
    budget = max(256, contextTokens - answer - fixedTokens)
    self.fixedTokens = fixedTokens
  }

  static func tokens(bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }

  /// Learns from what the provider counted.
  ///
  /// - Parameters:
  ///   - counted: What all of the request came to.
  ///   - estimated: What its messages were taken for.
  mutating func learn(counted: Int, estimated: Int) {
    guard counted > 0, estimated > 100 else { return }
    correction = min(4, max(0.5, Double(counted) / Double(estimated + fixedTokens)))
  }

  /// What is to be sent of a conversation.
  ///
  /// - Parameters:
  ///   - messages: All of it, without the system prompt.
  ///   - system: The system prompt's tokens, as estimated.
  ///   - share: How much of the budget may be used: less than 1 where a provider has refused what fitted.
  /// - Returns: nil where it can't be made to fit.
  mutating func fit(
    _ messages: [JSONValue], system: Int, share: Double = 1
  ) -> (messages: [JSONValue], tokens: Int, cut: Cut)? {
    let limit = Double(budget) * share
    let lastUser = messages.lastIndex { $0["role"] == "user" } ?? 0
    let lastStep = messages.lastIndex { $0["role"] == "assistant" } ?? 0
    firstKept = min(firstKept, lastUser)
    var sizes = messages.indices.map { index in
      index < firstWhole ? Self.tokens(of: Self.shortened(messages[index])) : Self.tokens(of: messages[index])
    }
    var total = system + sizes[firstKept...].reduce(0, +)
    func fits(_ limit: Double) -> Bool { Double(total) * correction <= limit }
    var cut = Cut()
    if !fits(limit) {
      let wanted = limit * 0.75
      while firstWhole < lastStep, !fits(wanted) {
        let size = Self.tokens(of: Self.shortened(messages[firstWhole]))
        if firstWhole >= firstKept {
          total += size - sizes[firstWhole]
          if size < sizes[firstWhole] { cut.shortened += 1 }
        }
        sizes[firstWhole] = size
        firstWhole += 1
      }
      while firstKept < lastUser, !fits(wanted) {
        let next = messages[(firstKept + 1)...].firstIndex { $0["role"] == "user" } ?? lastUser
        total -= sizes[firstKept..<next].reduce(0, +)
        cut.leftOut += next - firstKept
        firstKept = next
      }
      guard fits(limit) else { return nil }
    }
    let sent = messages.indices[firstKept...].map { index in
      index < firstWhole ? Self.shortened(messages[index]) : messages[index]
    }
    return (sent, total, cut)
  }

  // MARK: Messages

  static func tokens(of message: JSONValue) -> Int {
    var bytes = message.jsonBytes().count
    var images = 0
    for part in message["content"]?.arrayValue ?? [] {
      guard let url = part["image_url"]?["url"]?.stringValue else { continue }
      bytes -= url.utf8.count
      images += 1
    }
    return tokens(bytes: bytes) + images * imageTokens
  }

  /// A message with what is long in its tool calls cut.
  static func shortened(_ message: JSONValue) -> JSONValue {
    guard var changed = message.objectValue else { return message }
    if message["role"] == "tool", let text = message["content"]?.stringValue {
      changed["content"] = .string(shortened(text))
    }
    if let calls = message["tool_calls"]?.arrayValue {
      changed["tool_calls"] = .array(calls.map(shortenedCall))
    }
    return .object(changed)
  }

  private static func shortenedCall(_ call: JSONValue) -> JSONValue {
    guard var changed = call.objectValue, var function = call["function"]?.objectValue,
      let text = function["arguments"]?.stringValue, text.utf8.count > shortenedBytes,
      let arguments = (try? JSONParser.parse(text))?.objectValue
    else { return call }
    let members = arguments.members.map { member in
      JSONObject.Member(
        key: member.key, value: member.value.stringValue.map { .string(shortened($0)) } ?? member.value)
    }
    function["arguments"] = .string(JSONObject(members).jsonString)
    changed["function"] = .object(function)
    return .object(changed)
  }

  private static func shortened(_ text: String) -> String {
    let left = text.utf8.count - shortenedBytes
    // What says that it is shorter takes room too.
    guard left > 80 else { return text }
    let cut = String(decoding: Array(text.utf8.prefix(shortenedBytes)), as: UTF8.self)
    return "\(cut)\n[\(left) more bytes are left out, to keep within the context]"
  }
}
