import BerthProtocol
import JSON

/// Turns the updates of an ACP session into events. What has no event of its own, and what an event has no room for, is
/// told as it came.
struct ACPUpdates {
  var text = MessageText()
  /// The agent's own id of the message that is being said.
  private var message: [UInt8] = []

  /// What an update has changed of the session.
  enum SessionChange {
    case mode(String)
    case options([JSONValue])
    case title(String)
  }

  // MARK: Text

  /// Tells a piece; false where it begins a message with an id, which is to be told too.
  mutating func add(_ chunk: ACPChunk, to changes: inout RunChanges) -> Bool {
    if let id = chunk.message, !id.elementsEqual(message) { return false }
    if chunk.text.isEmpty { return true }
    text.add(chunk.text, isThought: chunk.isThought, to: &changes)
    return true
  }

  /// Ends the message that is being said.
  mutating func endMessage(in changes: inout RunChanges) {
    text.end(in: &changes)
    message.removeAll(keepingCapacity: true)
  }

  // MARK: All others

  /// Tells an update. - Returns: What it has changed of the session.
  mutating func add(_ update: JSONObject, to changes: inout RunChanges) -> SessionChange? {
    switch update["sessionUpdate"]?.stringValue {
    case "agent_message_chunk": addChunk(update, isThought: false, to: &changes)
    case "agent_thought_chunk": addChunk(update, isThought: true, to: &changes)
    case "tool_call": addTool(EventType.toolCall, update, to: &changes)
    case "tool_call_update": addTool(EventType.toolUpdate, update, to: &changes)
    case "plan": addPlan(update, to: &changes)
    case "usage_update": addUsage(update, to: &changes)
    case "current_mode_update":
      tell(update, to: &changes)
      return (update["currentModeId"] ?? update["modeId"])?.stringValue.map { .mode($0) }
    case "config_option_update":
      tell(update, to: &changes)
      return update["configOptions"]?.arrayValue.map { .options($0) }
    case "session_info_update":
      tell(update, to: &changes)
      return update["title"]?.stringValue.map { .title($0) }
    default: tell(update, to: &changes)
    }
    return nil
  }

  private func tell(_ update: JSONObject, to changes: inout RunChanges) {
    changes.add(EventType.agentUpdate) { AgentUpdate(seq: $0, update: update) }
  }

  private mutating func addChunk(_ update: JSONObject, isThought: Bool, to changes: inout RunChanges) {
    let content = update["content"]?.objectValue ?? [:]
    guard content["type"]?.stringValue == "text", let piece = content["text"]?.stringValue else {
      // A picture, say: what was said before it is whole.
      text.end(in: &changes)
      return tell(update, to: &changes)
    }
    let id = Array((update["messageId"]?.stringValue ?? "").utf8)
    let isOther = !id.isEmpty && id != message
    if isOther {
      text.end(in: &changes)
      message = id
    }
    text.add(piece, isThought: isThought, to: &changes)
    let known = update.isOnly(["sessionUpdate", "content", "messageId"]) && content.isOnly(["type", "text"])
    if isOther || !known { tell(update, to: &changes) }
  }

  private mutating func addTool(_ type: String, _ update: JSONObject, to changes: inout RunChanges) {
    guard let tool = ACPTool(update) else { return tell(update, to: &changes) }
    text.end(in: &changes)
    changes.add(type) { tool.event(seq: $0) }
  }

  private mutating func addPlan(_ update: JSONObject, to changes: inout RunChanges) {
    guard let entries = update["entries"]?.arrayValue else { return tell(update, to: &changes) }
    text.end(in: &changes)
    let objects = entries.compactMap(\.objectValue)
    let plan = objects.map { entry in
      PlanEntry(
        content: entry["content"]?.stringValue ?? "", priority: entry["priority"]?.stringValue,
        status: entry["status"]?.stringValue)
    }
    changes.add(EventType.plan) { RunPlan(seq: $0, entries: plan) }
    let isKnown =
      update.isOnly(["sessionUpdate", "entries"]) && objects.count == entries.count
      && objects.allSatisfy { $0.isOnly(["content", "priority", "status"]) }
    if !isKnown { tell(update, to: &changes) }
  }

  private func addUsage(_ update: JSONObject, to changes: inout RunChanges) {
    guard let used = update["used"]?.intValue else { return tell(update, to: &changes) }
    var usage = changes.record.run.usage
    usage.contextTokens = used
    usage.contextSize = update["size"]?.intValue ?? usage.contextSize
    changes.use(usage)
    if !update.isOnly(["sessionUpdate", "used", "size"]) { tell(update, to: &changes) }
  }

  // MARK: Ends of turns

  /// Tells what the answer to a prompt holds beside the reason why the agent stopped.
  func addEnd(_ result: JSONObject, to changes: inout RunChanges) {
    guard let told = result["usage"]?.objectValue else {
      if !result.isOnly(["stopReason"]) { tell(result, to: &changes) }
      return
    }
    var usage = changes.record.run.usage
    usage.inputTokens += told["inputTokens"]?.intValue ?? 0
    usage.outputTokens += told["outputTokens"]?.intValue ?? 0
    usage.cachedTokens += told["cachedReadTokens"]?.intValue ?? 0
    changes.use(usage)
    let isKnown =
      result.isOnly(["stopReason", "usage"])
      && told.isOnly(["inputTokens", "outputTokens", "cachedReadTokens", "totalTokens"])
    if !isKnown { tell(result, to: &changes) }
  }
}

/// A tool call, or what has changed of one.
struct ACPTool {
  private var event: ToolCall

  /// Nil where it has no id.
  init?(_ update: JSONObject) {
    guard let id = update["toolCallId"]?.stringValue else { return nil }
    event = ToolCall(seq: 0, id: id)
    var meta: [JSONObject.Member] = []
    for member in update.members where member.value != .null {
      if !take(member.key, member.value) { meta.append(member) }
    }
    if !meta.isEmpty { event.meta = JSONObject(meta) }
  }

  /// - Returns: Whether there is room for the member.
  private mutating func take(_ key: String, _ value: JSONValue) -> Bool {
    switch key {
    case "sessionUpdate", "toolCallId": return true
    case "title":
      event.title = value.stringValue
      return event.title != nil
    case "kind":
      event.kind = value.stringValue
      return event.kind != nil
    case "status":
      event.status = value.stringValue.flatMap { ToolStatus(rawValue: $0) }
      return event.status != nil
    case "rawInput":
      event.input = value
      return true
    case "rawOutput":
      event.output = value
      return true
    case "content":
      event.content = Self.objects(value)
      return event.content != nil
    case "locations":
      event.locations = Self.objects(value)
      return event.locations != nil
    default: return false
    }
  }

  private static func objects(_ value: JSONValue) -> [JSONObject]? {
    guard let array = value.arrayValue else { return nil }
    let objects = array.compactMap(\.objectValue)
    return objects.count == array.count ? objects : nil
  }

  var title: String? { event.title }

  func event(seq: Int) -> ToolCall {
    var event = event
    event.seq = seq
    return event
  }

  /// As it stands in a question for permission.
  var object: JSONObject {
    var object = event.jsonValue().objectValue ?? [:]
    object["seq"] = nil
    return object
  }
}

extension JSONObject {
  /// Whether it has no other members than these, but for such that say nothing.
  func isOnly(_ names: Set<String>) -> Bool {
    members.allSatisfy { $0.value == .null || names.contains($0.key) }
  }
}
