import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct RunRendererTests {
  private static func settings(
    isLive: Bool = false, isShared: Bool = true, isQuiet: Bool = false
  ) -> RunRenderer.Settings {
    RunRenderer.Settings(
      style: Style(isOn: false), isLive: isLive, isShared: isShared, isQuiet: isQuiet, folder: "/home/me/shop",
      width: 40)
  }

  private func pieces(_ events: [(String, JSONValue)], _ settings: RunRenderer.Settings) -> [RunLayout.Piece] {
    var renderer = RunRenderer(settings)
    return events.flatMap { renderer.render($0.0, $0.1) }
  }

  /// All that is shown, in one place.
  private func shown(
    _ events: (String, JSONValue)..., settings: RunRenderer.Settings = Self.settings()
  ) -> String {
    pieces(events, settings).map(\.text).joined()
  }

  private func delta(_ text: String) -> (String, JSONValue) { ("message.delta", ["seq": 1, "text": .string(text)]) }
  private func thought(_ text: String) -> (String, JSONValue) { ("thought.delta", ["seq": 1, "text": .string(text)]) }

  private func message(_ text: String, role: String = "agent", isThought: Bool = false) -> (String, JSONValue) {
    (
      "message",
      [
        "seq": 1, "role": .string(role), "thought": .bool(isThought),
        "content": [["type": "text", "text": .string(text)]],
      ]
    )
  }

  private func tool(
    _ id: String, _ title: String? = nil, _ status: String? = nil, _ more: JSONObject = [:]
  ) -> (String, JSONValue) {
    var payload: JSONObject = ["seq": 1, "id": .string(id)]
    if let title { payload["title"] = .string(title) }
    if let status { payload["status"] = .string(status) }
    for member in more.members { payload[member.key] = member.value }
    return (title == nil ? "tool.update" : "tool.call", .object(payload))
  }

  // MARK: Texts

  @Test func `a message is told by its pieces and not once more`() {
    #expect(shown(delta("Hel"), delta("lo"), message("Hello")) == "Hello\n")
    #expect(shown(message("Hello")) == "Hello\n")
    #expect(shown(delta("Hello\n"), message("Hello\n")) == "Hello\n")
    #expect(shown(delta("One"), message("One"), delta("Two"), message("Two")) == "One\n\nTwo\n")
  }

  @Test func `a message tells what its pieces have not`() {
    #expect(shown(delta("Hel"), message("Hello")) == "Hello\n")
    // Come upon in the middle.
    #expect(shown(delta("lo"), message("Hello")) == "lo\n")
    #expect(shown(delta("x"), message("Hello")) == "x\nHello\n")
  }

  @Test func `pieces go together whatever stands at their ends`() {
    #expect(shown(delta("e"), delta("\u{301}x"), message("e\u{301}x")) == "e\u{301}x\n")
    #expect(shown(delta("a\r"), delta("\nb"), message("a\r\nb")) == "a\nb\n")
  }

  @Test func `nothing that an agent says acts on the terminal`() {
    let text = "\u{1B}[31mred\u{1B}[0m \u{1B}]0;t\u{7}\ta\u{9B}2J\u{202E}"
    let safe = "red \u{FFFD}]0;t\u{FFFD}\ta\u{FFFD}2J\u{FFFD}"
    #expect(shown(delta(text)) == safe)
    #expect(shown(thought(text)) == safe)
    #expect(shown(("output", ["seq": 1, "source": "stdout", "text": .string(text)])) == safe + "\n")
    #expect(
      shown(("log", ["seq": 1, "level": "stderr", "message": .string(text)]))
        == "red \u{FFFD}]0;t\u{FFFD} a\u{FFFD}2J\u{FFFD}\n")
    let call = shown(tool("1", text, "completed"))
    #expect(!call.unicodeScalars.contains("\u{1B}") && call.count { $0 == "\n" } == 1)
  }

  @Test func `thoughts stand apart from what is said`() {
    let text = shown(thought("Hm"), thought("…"), delta("Yes"), message("Hm…", isThought: true), message("Yes"))
    #expect(text == "Hm…\n\nYes\n")
  }

  @Test func `the first prompt is left out for who has typed it`() {
    var settings = Self.settings()
    let events = [message("do it", role: "user"), message("Yes"), message("and\nthis", role: "user")]
    #expect(pieces(events, settings).map(\.text).joined() == "> do it\n\nYes\n\n> and\n> this\n")
    settings.showsFirstPrompt = false
    #expect(pieces(events, settings).map(\.text).joined() == "Yes\n\n> and\n> this\n")
  }

  @Test func `what is said goes to standard output and nothing else`() {
    let events = [
      thought("Hm"), delta("Ye"), tool("1", "Read", "in_progress"), delta("s"), tool("1", nil, "completed"),
      message("Yes"), ("usage", ["seq": 1, "usage": [:]]),
      ("output", ["seq": 1, "source": "stdout", "text": "line"]),
      ("output", ["seq": 1, "source": "stdout", "text": "", "json": ["a": 1]]),
      ("output", ["seq": 1, "source": "stderr", "text": "oops"]),
    ]
    let apart = pieces(events, Self.settings(isShared: false))
    #expect(apart.filter { $0.sink == .words }.map(\.text).joined() == "Yes\nline\n{\"a\":1}\n")
    #expect(apart.filter { $0.sink == .activity }.map(\.text).joined() == "Hm\n✓ Read\noops\n")
    let quiet = pieces(events, Self.settings(isQuiet: true))
    #expect(quiet.allSatisfy { $0.sink == .words || $0.text == "\n" })
    #expect(quiet.map(\.text).joined().contains("✓") == false)
  }

  @Test func `a line in parts is one line`() {
    let text = shown(
      ("output", ["seq": 1, "source": "stdout", "text": "one ", "partial": true]),
      ("output", ["seq": 2, "source": "stdout", "text": "line"]))
    #expect(text == "one line\n")
  }

  // MARK: Tools

  @Test func `a tool call is one line, when it ends`() {
    let text = shown(
      tool("1", "Read it", "pending", ["locations": [["path": "/home/me/shop/a.c", "line": 3], ["path": "/etc/b"]]]),
      tool("2", "Run", "in_progress"), tool("1", nil, "in_progress"), tool("1", nil, "completed"),
      tool("1", nil, "completed"), ("run.completed", ["seq": 9, "stopReason": "end_turn", "usage": [:]]))
    #expect(text == "✓ Read it  a.c:3, /etc/b\n● Run\n")
  }

  @Test func `a place that the title names is not told again`() {
    let place: JSONObject = ["locations": [["path": "/home/me/shop/a.c"]]]
    #expect(shown(tool("1", "Edit a.c", "completed", place)) == "✓ Edit a.c\n")
    let many: JSONObject = ["locations": .array((1...5).map { ["path": .string("\($0)")] })]
    #expect(shown(tool("1", "Edit", "completed", many)) == "✓ Edit  1, 2, and 3 more\n")
  }

  @Test func `one that fails says why`() {
    let content: JSONObject = ["content": [["type": "content", "content": ["type": "text", "text": "no\nsuch file"]]]]
    #expect(shown(tool("1", "Read", "failed", content)) == "✗ Read\n    no\n    such file\n")
  }

  @Test func `a live terminal shows what goes on, and draws over it`() {
    let live = Self.settings(isLive: true)
    #expect(shown(tool("1", "Read", "in_progress"), settings: live) == "● Read")
    #expect(
      shown(tool("1", "Read", "in_progress"), tool("1", nil, "completed"), settings: live)
        == "● Read\r\u{1B}[K✓ Read\n")
    #expect(
      shown(tool("1", "A", "in_progress"), tool("2", "B", "in_progress"), tool("1", nil, "completed"), settings: live)
        == "● A\r\u{1B}[K● B  and 1 more\r\u{1B}[K✓ A\n● B")
    // Not behind text whose line is open.
    #expect(
      shown(tool("1", "A", "in_progress"), delta("x"), message("x"), settings: live)
        == "● A\r\u{1B}[Kx\n● A")
    let long = shown(tool("1", String(repeating: "long ", count: 30), "in_progress"), settings: live)
    #expect(DisplayText.width(long) < 40)
  }

  @Test func `a file that is written is told once`() {
    let place: JSONObject = ["locations": [["path": "/home/me/shop/a.c"]]]
    let text = shown(
      tool("1", "Edit", "completed", place), ("file.changed", ["path": "a.c"]), ("file.changed", ["path": "b.c"]))
    #expect(text == "✓ Edit  a.c\n  wrote b.c\n")
  }

  // MARK: Diffs and plans

  private func diff(_ old: String, _ new: String) -> [String] {
    DiffText(path: "a", old: old, new: new).lines(Style(isOn: false)).map { String($0.dropFirst(4)) }
  }

  @Test func `a diff is what differs`() {
    #expect(diff("a\nb\nc\n", "a\nB\nc\nd\n") == ["a +2 -1", "- b", "+ B", "⋮", "+ d"])
    #expect(diff("", "x\ny\n") == ["a +2 -0", "+ x", "+ y"])
    #expect(diff("x", "") == ["a +0 -1", "- x"])
    #expect(diff("x\n", "x") == [])
  }

  @Test func `a long diff is cut, and one of long texts still has its counts`() {
    let lines = (1...50).map { "line \($0)" }.joined(separator: "\n")
    #expect(diff("", lines).count == 18)
    #expect(diff("", lines).last == "… 34 lines more")
    let many = (1...3000).map { "line \($0)" }.joined(separator: "\n")
    #expect(diff(many, many.replacing("line", with: "LINE")).first == "a +3000 -3000")
  }

  @Test func `a plan is told once, and then what changes`() {
    func plan(_ entries: (String, String)...) -> (String, JSONValue) {
      let entries = entries.map { JSONValue.object(["content": .string($0.0), "status": .string($0.1)]) }
      return ("plan", ["seq": 1, "entries": .array(entries)])
    }
    let text = shown(
      plan(("Read", "in_progress"), ("Edit", "pending")), plan(("Read", "completed"), ("Edit", "pending")),
      plan(("Other", "pending")))
    #expect(text == "  ▸ Read\n  ○ Edit\n  ✓ Read\n  ○ Other\n")
  }

  // MARK: Questions

  private func permission(open: Bool = true, option: String? = nil, by: String? = nil) -> Permission {
    var permission = Permission(
      id: "prm_1", run: "run_1", session: "ags_1", state: open ? .open : .resolved, title: "Edit a.c?",
      options: [
        .init(id: "yes-once", name: "Allow", kind: .allowOnce), .init(id: "ever", name: "Always", kind: .allowAlways),
        .init(id: "no-once", name: "Reject", kind: .rejectOnce),
      ], createdAt: "")
    permission.deadlineAt = "2026-11-21T06:57:09.499Z"
    permission.option = option
    permission.by = by.flatMap(PermissionResolver.init)
    return permission
  }

  private func event(_ permission: Permission) -> (String, JSONValue) {
    (
      permission.state == .open ? "permission.requested" : "permission.resolved",
      PermissionEvent(seq: 1, permission: permission).jsonValue()
    )
  }

  @Test func `a question is asked, and its answer told`() {
    var renderer = RunRenderer(Self.settings(isLive: true))
    func render(_ event: (String, JSONValue)) -> String { renderer.render(event.0, event.1).map(\.text).joined() }
    #expect(render(event(permission())) == "? Edit a.c?\n")
    // Come upon again after the connection was lost.
    #expect(render(event(permission())) == "")
    #expect(
      renderer.ask(permission()).map(\.text).joined()
        == "  1) Allow (y)\n  2) Always (a)\n  3) Reject (n)\nAnswer [1-3, y, a, n]: ")
    #expect(renderer.typed("prm_1", isAnswer: false).map(\.text).joined() == "Answer [1-3, y, a, n]: ")
    #expect(renderer.typed("prm_1", isAnswer: true) == [])
    #expect(render(event(permission(open: false, option: "ever", by: "client"))) == "  → Always\n")
  }

  @Test func `who was slower is told, and the question goes away`() {
    var renderer = RunRenderer(Self.settings(isLive: true))
    _ = renderer.show(permission())
    _ = renderer.ask(permission())
    let resolved = event(permission(open: false, option: "no-once", by: "client"))
    #expect(
      renderer.render(resolved.0, resolved.1).map(\.text).joined() == "\r\u{1B}[K  → Reject, answered elsewhere\n")
  }

  @Test func `what the policy answers is one line`() {
    var asked = permission()
    asked.deadlineAt = nil
    let text = shown(event(asked), event(permission(open: false, option: "yes-once", by: "policy")))
    #expect(text == "  → Edit a.c?: Allow, as the run's policy says\n")
  }

  static let words: [(String, String?)] = [
    ("1", "yes-once"), ("3", "no-once"), ("4", nil), ("0", nil), ("y", "yes-once"), ("Y", "yes-once"),
    ("yes", "yes-once"), ("a", "ever"), ("always", "ever"), ("n", "no-once"), ("ever", "ever"), ("", nil), ("x", nil),
  ]

  @Test(arguments: words)
  func `an answer is a number, a letter or an id`(word: String, option: String?) {
    #expect(permission().option(typed: word)?.id == option)
  }

  @Test func `one letter stands for what there is`() {
    var permission = permission()
    permission.options = [
      .init(id: "ever", name: "Always", kind: .allowAlways), .init(id: "never", name: "Never", kind: .rejectAlways),
    ]
    #expect(permission.option(typed: "y")?.id == "ever")
    #expect(permission.option(typed: "a")?.id == "ever")
    #expect(permission.option(typed: "n")?.id == "never")
  }

  // MARK: The end

  @Test func `a run's end says how it went`() {
    var run = AgentRun(
      id: "run_1", session: "ags_1", agent: "a", workspace: "ws_1", state: .completed, stream: "run/run_1",
      prompt: "", permissions: .ask, priority: 0,
      usage: RunUsage(inputTokens: 1200, outputTokens: 80, cachedTokens: 1000),
      version: 1, createdAt: "2026-11-21T06:57:09.000Z")
    run.startedAt = "2026-11-21T06:57:09.000Z"
    run.endedAt = "2026-11-21T06:57:12.200Z"
    run.stopReason = .maxTokens
    #expect(run.summary == "stopped: its tokens are used up · took 3.2 s · 1200 tokens in (1000 cached), 80 out")
    #expect(Failure(run) == nil)
    run.state = .cancelled
    #expect(Failure(run)?.status == .interrupted)
    run.state = .interrupted
    #expect(Failure(run)?.status == .failed && Failure(run)?.hint?.contains("--session ags_1") == true)
  }
}
