import BerthProtocol
import GRDB
import JSON

/// What was said between a user and a model, as the provider is sent it: the session's, over all of its runs.
///
/// Messages are written down with the events that tell of them (`RunChanges.converse`). A call of a tool is written
/// before the tool is used and its result afterwards, so that a run that was interrupted in between leaves calls
/// without a result; they get one when the conversation is loaded, since providers want one for each.
struct Conversation: Sendable {
  private(set) var messages: [JSONValue]

  static let interrupted = "Interrupted: the run ended before there was a result. It may have been done in part."

  init(_ messages: [JSONValue]) {
    self.messages = messages
  }

  /// - Returns: The results that were missing at the end, to be written down; those amid others are put in each time.
  static func load(of session: String, in db: GRDB.Database) throws -> Conversation {
    Conversation(repaired(try AgentMessages.all(of: session, in: db)))
  }

  /// Puts in a result for each call that has none.
  static func repaired(_ messages: [JSONValue]) -> [JSONValue] {
    var repaired: [JSONValue] = []
    var open: [String] = []
    func close() {
      repaired += open.map { result(interrupted, of: $0) }
      open = []
    }
    for message in messages {
      if message["role"] == "tool" {
        let id = message["tool_call_id"]?.stringValue
        // A result of no call that is known would be refused.
        guard let id, let place = open.firstIndex(of: id) else { continue }
        open.remove(at: place)
      } else {
        close()
      }
      repaired.append(message)
      open += (message["tool_calls"]?.arrayValue ?? []).compactMap { $0["id"]?.stringValue }
    }
    close()
    return repaired
  }

  mutating func append(_ message: JSONValue) {
    messages.append(message)
  }

  static func result(_ text: String, of call: String) -> JSONValue {
    ["role": "tool", "tool_call_id": .string(call), "content": .string(text)]
  }

  /// The ids of all calls of tools.
  var callIDs: Set<String> {
    Set(messages.flatMap { $0["tool_calls"]?.arrayValue ?? [] }.compactMap { $0["id"]?.stringValue })
  }

  /// Messages as they are sent: those of a user that follow each other become one, since some providers want the
  /// speakers to take turns, and what was thought in earlier turns is not said again.
  static func sent(_ messages: [JSONValue]) -> [JSONValue] {
    let lastUser = messages.lastIndex { $0["role"] == "user" } ?? 0
    var sent: [JSONValue] = []
    for (index, message) in messages.enumerated() {
      if message["role"] == "user", let last = sent.last, last["role"] == "user" {
        sent[sent.count - 1] = joined(last, message)
      } else if index < lastUser, message["reasoning_content"] != nil, var changed = message.objectValue {
        changed["reasoning_content"] = nil
        sent.append(.object(changed))
      } else {
        sent.append(message)
      }
    }
    return sent
  }

  private static func joined(_ first: JSONValue, _ second: JSONValue) -> JSONValue {
    if let one = first["content"]?.stringValue, let other = second["content"]?.stringValue {
      return ["role": "user", "content": .string(one + "\n\n" + other)]
    }
    return ["role": "user", "content": .array(parts(first) + parts(second))]
  }

  private static func parts(_ message: JSONValue) -> [JSONValue] {
    if let text = message["content"]?.stringValue { return [["type": "text", "text": .string(text)]] }
    return message["content"]?.arrayValue ?? []
  }
}
