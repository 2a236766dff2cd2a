import BerthProtocol
import JSON

/// A tool call, as its events have told it so far.
struct ShownTool {
  let id: String
  private(set) var title: String?
  private(set) var kind: String?
  private(set) var status: ToolStatus = .pending
  private(set) var content: [JSONObject] = []
  private(set) var locations: [JSONObject] = []
  /// Whether its diffs were shown with a question.
  fileprivate(set) var hasShownDiffs = false

  init(_ id: String) {
    self.id = id
  }

  fileprivate mutating func merge(_ event: ToolCall) {
    title = event.title ?? title
    kind = event.kind ?? kind
    status = event.status ?? status
    content = event.content ?? content
    locations = event.locations ?? locations
  }

  var hasEnded: Bool { status == .completed || status == .failed }

  /// One line: a mark, what it is, where.
  func line(_ settings: RunRenderer.Settings, more: Int = 0) -> String {
    let style = settings.style
    let title = DisplayText.safe(title ?? kind ?? "tool")
    var places = places(settings).filter { !title.contains($0) }
    if places.count > 3 { places[2...] = ["and \(places.count - 2) more"] }
    var rest = places.joined(separator: ", ")
    if more > 0 { rest += (rest.isEmpty ? "" : "  ") + "and \(more) more" }
    guard settings.isLive else {
      return style(look, mark) + " " + title + (rest.isEmpty ? "" : "  " + style(.dim, rest))
    }
    let room = max(10, settings.width - 3)
    let shown = DisplayText.cut(title, to: room)
    let left = room - DisplayText.width(shown) - 2
    return style(look, mark) + " " + shown
      + (rest.isEmpty || left < 8 ? "" : "  " + style(.dim, DisplayText.cut(rest, to: left)))
  }

  private var mark: String {
    switch status {
    case .pending: "○"
    case .inProgress: "●"
    case .completed: "✓"
    case .failed: "✗"
    }
  }

  private var look: Style.Look {
    switch status {
    case .pending: .dim
    case .inProgress: .cyan
    case .completed: .green
    case .failed: .red
    }
  }

  fileprivate func places(_ settings: RunRenderer.Settings) -> [String] {
    locations.compactMap { location in
      guard let path = location["path"]?.stringValue else { return nil }
      let line = location["line"]?.intValue.map { ":\($0)" } ?? ""
      return DisplayText.safe(Self.inner(path, settings)) + line
    }
  }

  private static func inner(_ path: String, _ settings: RunRenderer.Settings) -> String {
    guard let folder = settings.folder, path.hasPrefix(folder + "/") else { return path }
    return String(path.dropFirst(folder.count + 1))
  }

  /// Its line, with what it has changed, or why it failed.
  func lines(_ settings: RunRenderer.Settings) -> [String] {
    [line(settings)] + (hasShownDiffs ? [] : diffs(settings)) + (status == .failed ? words(settings) : [])
  }

  func diffs(_ settings: RunRenderer.Settings) -> [String] {
    content.filter { $0["type"] == "diff" }.flatMap { diff in
      DiffText(
        path: Self.inner(diff["path"]?.stringValue ?? "", settings), old: diff["oldText"]?.stringValue ?? "",
        new: diff["newText"]?.stringValue ?? ""
      ).lines(settings.style)
    }
  }

  /// The first lines of what it gave back.
  private func words(_ settings: RunRenderer.Settings) -> [String] {
    let texts = content.compactMap { $0["content"]?["text"]?.stringValue }
    let lines = texts.flatMap { DisplayText.block($0).split(separator: "\n") }
    return lines.prefix(5).map { "    " + settings.style(.dim, String($0)) }
  }
}

/// The tool calls of a run.
struct ToolCalls {
  private var calls: [String: ShownTool] = [:]
  /// Those that have not ended, the oldest first.
  private var open: [String] = []

  /// Takes an event in. - Returns: The call, where it has ended with this.
  mutating func take(_ event: ToolCall) -> ShownTool? {
    var call = calls[event.id] ?? ShownTool(event.id)
    let before = calls[event.id]?.status
    call.merge(event)
    calls[event.id] = call
    guard call.hasEnded else {
      if !open.contains(event.id) { open.append(event.id) }
      return nil
    }
    open.removeAll { $0 == event.id }
    return before == call.status ? nil : call
  }

  mutating func noteShown(_ id: String) { calls[id]?.hasShownDiffs = true }

  var unfinished: [ShownTool] { open.compactMap { calls[$0] } }

  /// The line of the one that was begun last, of those that go on.
  func running(_ settings: RunRenderer.Settings) -> String? {
    unfinished.last?.line(settings, more: open.count - 1)
  }

  /// Whether a call names a file.
  func tell(of path: String, _ settings: RunRenderer.Settings) -> Bool {
    calls.values.contains { call in
      call.title?.contains(path) == true || call.places(settings).contains { $0 == path || $0.hasPrefix(path + ":") }
    }
  }

  /// What a question is about, where that is to be seen: the changes of its tool call.
  mutating func details(of permission: Permission, _ settings: RunRenderer.Settings) -> [String] {
    guard let object = permission.toolCall, let id = (object["id"] ?? object["toolCallId"])?.stringValue else {
      return []
    }
    var call = calls[id] ?? ShownTool(id)
    var about = ToolCall(seq: 0, id: id)
    about.content = object["content"]?.arrayValue?.compactMap(\.objectValue)
    call.merge(about)
    let lines = call.diffs(settings)
    if calls[id] != nil, !lines.isEmpty { calls[id]?.hasShownDiffs = true }
    return lines
  }
}
