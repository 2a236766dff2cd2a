import BerthProtocol
import JSON

/// Turns the events of a run into what a terminal shows of them. Nothing else comes in or goes out.
struct RunRenderer {
  struct Settings {
    var style: Style
    /// Whether a line may be drawn over.
    var isLive = false
    /// Whether what is said and what is done are shown in one place.
    var isShared = true
    /// Whether only what the agent says is shown.
    var isQuiet = false
    /// Whether the run's first prompt is shown; whoever has just typed it knows it.
    var showsFirstPrompt = true
    /// The workspace's folder, which paths are told without.
    var folder: String?
    /// The terminal's.
    var width = 80
  }

  var settings: Settings
  private var layout: RunLayout
  /// What pieces of a message, and of a thought, have told of it.
  private var said = ""
  private var thought = ""
  private var hasPrompt = false
  private var tools = ToolCalls()
  private var plan: [PlanEntry] = []
  private var questions: [Permission] = []
  /// What is being asked for at the moment.
  private var prompt: String?
  private var answeredHere: Set<String> = []

  init(_ settings: Settings) {
    self.settings = settings
    layout = RunLayout(isShared: settings.isShared)
  }

  private var style: Style { settings.style }

  /// What is to be printed of an event.
  mutating func render(_ type: String, _ payload: JSONValue) -> [RunLayout.Piece] {
    switch type {
    case EventType.messageDelta: if let text = payload["text"]?.stringValue { say(text) }
    case EventType.thoughtDelta: if let text = payload["text"]?.stringValue { think(text) }
    case EventType.message: decode(RunMessage.self, payload).map { message($0) }
    case EventType.output: decode(RunOutput.self, payload).map { output($0) }
    case EventType.toolCall, EventType.toolUpdate: decode(ToolCall.self, payload).map { tool($0) }
    case EventType.plan: decode(RunPlan.self, payload).map { show(plan: $0.entries) }
    case EventType.permissionRequested: decode(PermissionEvent.self, payload).map { asked($0.permission) }
    case EventType.permissionResolved: decode(PermissionEvent.self, payload).map { answered($0.permission) }
    case EventType.fileChanged: if let path = payload["path"]?.stringValue { changed(path) }
    case EventType.log: decode(RunLog.self, payload).map { log($0) }
    case EventType.runState:
      if payload["state"] == "queued", let place = payload["place"]?.intValue { note("queued, place \(place)") }
    case EventType.runCompleted, EventType.runFailed: end()
    default: break
    }
    return take()
  }

  private func decode<T: JSONDecodable>(_ type: T.Type, _ payload: JSONValue) -> T? {
    try? Decoding.decode(type, from: payload)
  }

  private mutating func take() -> [RunLayout.Piece] {
    guard settings.isLive else { return layout.take(drawing: nil) }
    // Nothing stands between a question and its answers.
    let running = settings.isQuiet || !questions.isEmpty ? nil : tools.running(settings)
    return layout.take(drawing: prompt ?? running)
  }

  // MARK: Texts

  private mutating func say(_ text: String) {
    let isFirst = said.isEmpty
    said += text
    layout.text(Self.safe(text, isFirst: isFirst), in: .message, to: .words)
  }

  private mutating func think(_ text: String) {
    let isFirst = thought.isEmpty
    thought += text
    guard !settings.isQuiet else { return }
    let style = style
    layout.text(Self.safe(text, isFirst: isFirst), in: .thought, to: .activity) { style(.dim, $0) }
  }

  private static func safe(_ text: String, isFirst: Bool) -> String {
    let safe = DisplayText.block(text)
    return isFirst ? String(safe.drop(while: \.isNewline)) : safe
  }

  /// A whole message: what its pieces have not told yet.
  private mutating func message(_ message: RunMessage) {
    guard message.role == .agent else { return user(message) }
    let text = message.content.compactMap { $0.type == .text ? $0.text : nil }.joined()
    let rest = Self.rest(of: text, after: message.thought ? thought : said)
    if !rest.isEmpty { if message.thought { think(rest) } else { say(rest) } }
    for block in message.content where block.type != .text {
      layout.line("[\(block.name)]", in: .message, to: .words)
    }
    guard !message.continues else { return message.thought ? (thought = "") : (said = "") }
    if message.thought { thought = "" } else { said = "" }
    layout.endBlock()
  }

  /// What a text has beyond what was shown; of one that was come upon in the middle, nothing.
  private static func rest(of text: String, after shown: String) -> String {
    if shown.isEmpty || text.isEmpty { return text }
    if text.utf8.starts(with: shown.utf8) {
      return String(decoding: text.utf8.dropFirst(shown.utf8.count), as: UTF8.self)
    }
    return text.hasSuffix(shown) ? "" : "\n" + text
  }

  private mutating func user(_ message: RunMessage) {
    defer { hasPrompt = true }
    guard !settings.isQuiet, hasPrompt || settings.showsFirstPrompt else { return }
    let words = message.content.map { $0.type == .text ? $0.text ?? "" : "[\($0.name)]" }.joined(separator: "\n")
    layout.endBlock()
    for line in DisplayText.block(words).split(separator: "\n", omittingEmptySubsequences: false) {
      layout.line(style(.bold, "> \(line)"), in: .prompt)
    }
  }

  private mutating func output(_ output: RunOutput) {
    let text = DisplayText.block(output.json.map { JSONValue.object($0).jsonString } ?? output.text)
    let ending = output.partial ? "" : "\n"
    guard output.source == .stderr else { return layout.text(text + ending, in: .output, to: .words) }
    guard !settings.isQuiet else { return }
    layout.text(style(.dim, text) + ending, in: .output, to: .activity)
  }

  private mutating func log(_ log: RunLog) {
    guard log.level != .info else { return }
    for line in DisplayText.block(log.message).split(separator: "\n") { note(String(line)) }
  }

  // MARK: What it does

  private mutating func tool(_ event: ToolCall) {
    guard let ended = tools.take(event), !settings.isQuiet else { return }
    for line in ended.lines(settings) { layout.line(line, in: .tools) }
    tools.noteShown(ended.id)
  }

  private mutating func changed(_ path: String) {
    // A tool that names it has told it.
    guard !settings.isQuiet, !tools.tell(of: path, settings) else { return }
    layout.line(style(.dim, "  wrote \(DisplayText.safe(path))"), in: .tools)
  }

  private mutating func show(plan entries: [PlanEntry]) {
    defer { plan = entries }
    guard !settings.isQuiet else { return }
    let isKnown = plan.map(\.content) == entries.map(\.content)
    for (index, entry) in entries.enumerated() where !isKnown || plan[index].status != entry.status {
      layout.line(entry.line(style), in: .plan)
    }
  }

  // MARK: Questions

  private mutating func asked(_ permission: Permission) {
    guard permission.state == .open, !questions.contains(where: { $0.id == permission.id }) else { return }
    questions.append(permission)
    // What the run's policy answers at once is told with its answer.
    guard permission.deadlineAt != nil else { return }
    layout.line(style(.yellow, "?") + " " + style(.bold, DisplayText.safe(permission.title)), in: .question)
    for line in tools.details(of: permission, settings) { layout.line(line, in: .question) }
  }

  private mutating func answered(_ permission: Permission) {
    guard let index = questions.firstIndex(where: { $0.id == permission.id }) else { return }
    let question = questions.remove(at: index)
    prompt = nil
    guard !settings.isQuiet else { return }
    let name = question.options.first { $0.id == permission.option }.map { DisplayText.safe($0.name) }
    let words = permission.answer(name, isHere: answeredHere.contains(permission.id))
    let title = question.deadlineAt == nil ? DisplayText.safe(question.title) + ": " : ""
    layout.line(style(.dim, "  → \(title)\(words)"), in: .question)
    if questions.isEmpty { layout.endBlock() }
  }

  /// A question that was open before the first event.
  mutating func show(_ permission: Permission) -> [RunLayout.Piece] {
    asked(permission)
    return take()
  }

  /// Lists the answers, and asks for one.
  mutating func ask(_ permission: Permission) -> [RunLayout.Piece] {
    for line in permission.choices(style) { layout.line(line, in: .question) }
    prompt = style(.bold, "Answer") + style(.dim, " [\(permission.keys)]") + ": "
    return take()
  }

  /// Says how to answer from elsewhere.
  mutating func tellHow(_ permission: Permission) -> [RunLayout.Piece] {
    prompt = nil
    for line in permission.commands(style) { layout.line(line, in: .question) }
    return take()
  }

  /// A line was typed, which has ended the one that was drawn. - Parameter isAnswer: Whether it answers the question.
  mutating func typed(_ permission: String, isAnswer: Bool) -> [RunLayout.Piece] {
    layout.forgetDrawn()
    if isAnswer {
      answeredHere.insert(permission)
      prompt = nil
    }
    return take()
  }

  // MARK: Notes and the end

  private mutating func note(_ text: String) {
    guard !settings.isQuiet else { return }
    layout.line(style(.dim, DisplayText.safe(text)), in: .note)
  }

  /// A line beside what the run tells.
  mutating func say(aside text: String) -> [RunLayout.Piece] {
    layout.line(style(.dim, DisplayText.safe(text)), in: .note)
    return take()
  }

  mutating func endLine() -> [RunLayout.Piece] {
    layout.endLines()
    return layout.take(drawing: nil)
  }

  private mutating func end() {
    prompt = nil
    if !settings.isQuiet {
      for call in tools.unfinished { for line in call.lines(settings) { layout.line(line, in: .tools) } }
    }
    tools = ToolCalls()
    layout.endBlock()
  }

  /// How it went, behind all events.
  mutating func end(_ summary: String) -> [RunLayout.Piece] {
    end()
    if !summary.isEmpty { note(summary) }
    return take()
  }
}

extension ContentBlock {
  /// What to call a block that is no text.
  fileprivate var name: String {
    DisplayText.safe(path ?? uri ?? mimeType ?? type.rawValue)
  }
}
