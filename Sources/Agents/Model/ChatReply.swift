import JSON

/// An answer of a model, put together from its pieces: `chat.completion.chunk`, or a whole `chat.completion` where a
/// provider does not stream.
struct ChatReply: Sendable {
  /// What is to be told at once.
  enum Piece: Sendable, Hashable {
    case said(String)
    case thought(String)
  }

  /// A tool that is to be used.
  struct Call: Sendable, Hashable {
    var id = ""
    var name = ""
    /// JSON, as the model wrote it.
    var arguments = ""
    /// What the provider wants to find again at its next request.
    var extra: JSONValue?
    fileprivate var index: Int?
  }

  struct Usage: Sendable, Hashable {
    var inputTokens = 0
    var outputTokens = 0
    var cachedTokens = 0
  }

  private(set) var text = ""
  /// Kept under the provider's own name for it, since some want it back.
  private(set) var reasoning = ""
  private(set) var calls: [Call] = []
  private(set) var finish: String?
  private(set) var usage: Usage?
  private(set) var hasRefused = false
  /// The provider has said that nothing more comes.
  private(set) var isDone = false
  private var bytes = 0

  /// An answer that says so much is none.
  private static let maximumBytes = 64 << 20

  /// Why a chunk could not be taken.
  enum Fault: Error {
    case malformed(String)
    /// The provider tells of an error instead.
    case error(JSONValue)
  }

  /// Whether nothing was said and nothing is to be done, though maybe something was thought.
  var isEmpty: Bool { text.isEmpty && calls.isEmpty }
  /// Whether the answer is whole, so that the stream may end.
  var isWhole: Bool { isDone || finish != nil }

  /// Takes the data of an event.
  mutating func take(_ data: [UInt8]) throws(Fault) -> [Piece] {
    bytes += data.count
    if bytes > Self.maximumBytes { throw .malformed("more than \(Self.maximumBytes) bytes") }
    if data.elementsEqual("[DONE]".utf8) {
      isDone = true
      return []
    }
    let chunk: JSONValue
    do {
      chunk = try JSONParser.parse(data)
    } catch {
      throw .malformed("no JSON: \(String(decoding: data.prefix(200), as: UTF8.self))")
    }
    if let error = chunk["error"], error != .null { throw .error(error) }
    if let usage = chunk["usage"], usage.objectValue != nil { self.usage = Usage(usage) }
    // Only the first choice was asked for.
    guard let choice = chunk["choices"]?.arrayValue?.first else { return [] }
    let isWholeMessage = choice["delta"]?.objectValue == nil
    let delta = choice["delta"]?.objectValue ?? choice["message"]?.objectValue ?? [:]
    let pieces = take(delta, isWholeMessage: isWholeMessage)
    if let reason = choice["finish_reason"]?.stringValue, !reason.isEmpty { finish = reason }
    return pieces
  }

  private mutating func take(_ delta: JSONObject, isWholeMessage: Bool) -> [Piece] {
    var pieces: [Piece] = []
    let reasoned = delta["reasoning_content"]?.stringValue ?? ""
    reasoning += reasoned
    let thought = reasoned.isEmpty ? delta["reasoning"]?.stringValue ?? "" : reasoned
    if !thought.isEmpty { pieces.append(.thought(thought)) }
    if let said = Self.words(delta["content"]), !said.isEmpty {
      text += said
      pieces.append(.said(said))
    }
    if let refusal = delta["refusal"]?.stringValue, !refusal.isEmpty {
      hasRefused = true
      text += refusal
      pieces.append(.said(refusal))
    }
    for (place, fragment) in (delta["tool_calls"]?.arrayValue ?? []).enumerated() {
      add(fragment, index: fragment["index"]?.intValue ?? (isWholeMessage ? place : nil))
    }
    return pieces
  }

  /// A text, or a list of parts of which some are text.
  private static func words(_ content: JSONValue?) -> String? {
    content?.stringValue ?? content?.arrayValue?.compactMap { $0["text"]?.stringValue }.joined()
  }

  /// Fragments of a call have its index; some providers leave that out, or give all calls the same one.
  private mutating func add(_ fragment: JSONValue, index: Int?) {
    let id = fragment["id"]?.stringValue ?? ""
    let name = fragment["function"]?["name"]?.stringValue ?? ""
    var place: Int?
    if let index {
      place = calls.lastIndex { $0.index == index }
      if let found = place, !id.isEmpty, !calls[found].id.isEmpty, calls[found].id != id, !name.isEmpty { place = nil }
    } else if id.isEmpty {
      place = calls.indices.last
    } else {
      place = calls.lastIndex { $0.id == id }
    }
    if place == nil { calls.append(Call(index: index)) }
    let call = place ?? calls.count - 1
    if calls[call].id.isEmpty { calls[call].id = id }
    if calls[call].name.isEmpty { calls[call].name = name }
    switch fragment["function"]?["arguments"] {
    case .string(let piece)?: calls[call].arguments += piece
    case .object(let whole)?: calls[call].arguments = whole.jsonString
    default: break
    }
    if let extra = fragment["extra_content"], extra != .null { calls[call].extra = extra }
  }

  /// Gives names to calls that have none, or one that was used before.
  mutating func nameCalls(unlike used: inout Set<String>) {
    for index in calls.indices {
      var number = used.count
      while calls[index].id.isEmpty || used.contains(calls[index].id) {
        number += 1
        calls[index].id = "call_\(number)"
      }
      used.insert(calls[index].id)
    }
  }

  /// The answer as a message of the conversation; nil where nothing was said.
  var message: JSONValue? {
    guard !isEmpty else { return nil }
    var message: JSONObject = ["role": "assistant", "content": text.isEmpty ? .null : .string(text)]
    guard !calls.isEmpty else { return .object(message) }
    if !reasoning.isEmpty { message["reasoning_content"] = .string(reasoning) }
    message["tool_calls"] = .array(calls.map(\.message))
    return .object(message)
  }
}

extension ChatReply.Call {
  var message: JSONValue {
    // A call whose arguments are no JSON would make some providers refuse the whole conversation.
    let isObject = (try? JSONParser.parse(arguments))?.objectValue != nil
    var call: JSONObject = [
      "id": .string(id), "type": "function",
      "function": ["name": .string(name), "arguments": .string(isObject ? arguments : "{}")],
    ]
    if let extra { call["extra_content"] = extra }
    return .object(call)
  }
}

extension ChatReply.Usage {
  fileprivate init(_ json: JSONValue) {
    inputTokens = json["prompt_tokens"]?.intValue ?? 0
    outputTokens = json["completion_tokens"]?.intValue ?? 0
    cachedTokens =
      json["prompt_tokens_details"]?["cached_tokens"]?.intValue ?? json["prompt_cache_hit_tokens"]?.intValue ?? 0
  }
}
