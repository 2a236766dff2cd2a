import BerthProtocol
import JSON
import Platform
import Supervisor
import TestSupport
import Testing

@testable import Agents

@Suite("ACP: what an agent asks of the server")
struct ACPClientTests {
  static let opening: [JSONValue] = [["hello": nil], ["open": nil], ["prompt": nil]]

  /// Calls a method, and says what was answered.
  static func call(_ method: String, _ params: JSONValue, _ name: String = "t") -> [JSONValue] {
    [
      ["call": .string(method), "as": .string(name), "params": params], ["await": .string(name)],
      ["tell": .string(name)],
    ]
  }

  @Test("files of the workspace are read, whole or by lines, and written with an event")
  func files() async throws {
    let agent = try ScriptedAgent(
      Self.opening + Self.call("fs/read_text_file", ["path": "$FOLDER/a.txt"])
        + Self.call("fs/read_text_file", ["path": "$FOLDER/a.txt", "line": 2, "limit": 1])
        + Self.call("fs/read_text_file", ["path": "$FOLDER/a.txt", "line": 3])
        + Self.call("fs/write_text_file", ["path": "$FOLDER/new/b.txt", "content": "ä\n"])
        + Self.call("fs/write_text_file", ["path": "$FOLDER/a.txt", "content": "x"]) + [["done": nil]])
    try agent.fixture.folder.write("demo/a.txt", "one\ntwo\nthrée")
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(
      events.said == #"{"content": "one\ntwo\nthr\u00e9e"}{"content": "two\n"}{"content": "thr\u00e9e"}{}{}"#)
    #expect(try agent.fixture.folder.read("demo/new/b.txt") == "ä\n")
    let changed = events.of("file.changed")
    #expect(changed.map { $0["path"]?.stringValue } == ["new/b.txt", "a.txt"])
    #expect(changed.map { $0["created"]?.boolValue } == [true, false])
  }

  @Test(
    "nothing outside of the workspace is read or written",
    arguments: ["/etc/passwd", "$FOLDER/../x", "$FOLDER/link/x", "a.txt", "$FOLDER"])
  func outside(path: String) async throws {
    let agent = try ScriptedAgent(
      Self.opening + Self.call("fs/read_text_file", ["path": .string(path)])
        + Self.call("fs/write_text_file", ["path": .string(path), "content": "x"]) + [["done": nil]])
    try agent.fixture.folder.shell("ln -s /tmp demo/link")
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said.split(separator: "-32602").count == 3, "\(events.said)")
    #expect(events.of("file.changed").isEmpty)
  }

  @Test("what is not there, and a method that nobody knows, are told with the protocol's codes")
  func refuses() async throws {
    let agent = try ScriptedAgent(
      Self.opening + Self.call("fs/read_text_file", ["path": "$FOLDER/none"]) + Self.call("no/such", [:])
        + [["send": ["method": "no/such_thing", "params": [:]]], ["send": ["method": "$/nothing"]], ["done": nil]])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said.contains("-32002") && events.said.contains("-32601"))
    #expect(events.of("agent.update").map { $0["update"]?["method"]?.stringValue } == ["no/such_thing"])
  }

  static let options: JSONValue = [
    ["optionId": "y", "name": "Yes", "kind": "allow_once"], ["optionId": "n", "name": "No", "kind": "reject_once"],
  ]
  static let question: JSONValue = [
    "toolCall": ["toolCallId": "t1", "title": "Remove it", "kind": "delete", "rawInput": ["path": "x"]],
    "options": options,
  ]

  @Test("a question for permission waits for its answer")
  func asks() async throws {
    let agent = try ScriptedAgent(
      Self.opening + Self.call("session/request_permission", Self.question) + [["done": nil]])
    let run = try agent.fixture.run([.words("Go")])
    async let ended = run.carryToEnd()
    _ = try await agent.fixture.event(run.id) { $0.type == "permission.requested" }
    let open = try #require(run.openPermissions.first)
    #expect(open.title == "Remove it" && open.toolCall?["input"] == ["path": "x"])
    #expect(run.record.run.state == .waiting)
    _ = try run.resolve(open.id, open.options[0], by: .client)
    #expect(try await ended.stopReason == .endTurn)
    let events = try agent.fixture.events(run.id)
    #expect(events.said == #"{"outcome": {"optionId": "y", "outcome": "selected"}}"#)
    #expect(
      events.of("run.state").compactMap { $0["state"]?.stringValue } == ["running", "waiting", "running", "completed"])
  }

  @Test("a policy answers at once", arguments: [(PermissionPolicy.allow, "y"), (.deny, "n")])
  func policy(policy: PermissionPolicy, option: String) async throws {
    let agent = try ScriptedAgent(
      Self.opening + Self.call("session/request_permission", Self.question) + [["done": nil]])
    let (ending, events) = try await agent.run("Go", permissions: policy)
    #expect(ending.stopReason == .endTurn)
    #expect(events.said.contains(#""optionId": "\#(option)""#))
  }

  @Test("a question that the agent takes back is resolved by it")
  func takesBack() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["call": "session/request_permission", "as": "t", "params": Self.question], ["take_back": "t"],
        ["await": "t"], ["tell": "t"], ["done": nil],
      ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said.contains("-32800"))
    let resolved = try #require(events.of("permission.resolved").first)
    #expect(resolved["permission"]?["by"] == "agent" && resolved["permission"]?["option"] == nil)
  }

  @Test("a question that is open when the turn ends is dismissed")
  func dismisses() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["call": "session/request_permission", "as": "t", "params": Self.question], ["done": nil], ["await": "t"],
      ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.of("permission.resolved").count == 1)
    // The run does not wait until the agent has read its answer.
    let isTold = waits { (try? agent.received())?.last?["result"] == ["outcome": ["outcome": "cancelled"]] }
    #expect(isTold)
  }

  @Test("a command runs in the workspace, and its output and end are told")
  func terminal() async throws {
    let id: JSONValue = ["terminalId": "$t.terminalId"]
    let agent = try ScriptedAgent(
      Self.opening + [
        [
          "call": "terminal/create", "as": "t",
          "params": [
            "command": "sh", "args": ["-c", "pwd; echo $WORD; echo $BERTH_SECRET; exit 3"],
            "env": [["name": "WORD", "value": "hé"]], "cwd": "$FOLDER",
          ],
        ], ["await": "t"],
      ] + Self.call("terminal/wait_for_exit", id, "w") + Self.call("terminal/output", id, "o")
        + Self.call("terminal/release", id, "r") + Self.call("terminal/output", id, "p") + [["done": nil]],
      secrets: ["BERTH_SECRET": "hidden-word"])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    let path = agent.path("")
    #expect(events.said.contains(#"{"exitCode": 3, "signal": null}"#), "\(events.said)")
    #expect(events.said.contains(#""output": "\#(path)\nh\u00e9\n\n", "truncated": false"#), "\(events.said)")
    #expect(events.said.hasSuffix(#"or it was released."}"#))
  }

  @Test("output beyond the limit is cut at its beginning, between characters")
  func limit() async throws {
    let id: JSONValue = ["terminalId": "$t.terminalId"]
    let agent = try ScriptedAgent(
      Self.opening + [
        ["call": "terminal/create", "as": "t", "params": ["command": "echo aäöü; echo b", "outputByteLimit": 6]],
        ["await": "t"],
      ] + Self.call("terminal/wait_for_exit", id, "w") + Self.call("terminal/output", id, "o") + [["done": nil]])
    let (_, events) = try await agent.run("Go")
    // Six bytes from the end lie within ö.
    #expect(events.said.contains(#""output": "\u00fc\nb\n", "truncated": true"#), "\(events.said)")
  }

  @Test("a command is killed when asked, and whatever runs at the end of the run is ended")
  func kills() async throws {
    let id: JSONValue = ["terminalId": "$t.terminalId"]
    let agent = try ScriptedAgent(
      Self.opening + [
        ["call": "terminal/create", "as": "t", "params": ["command": "sleep 100"]], ["await": "t"],
        ["call": "terminal/wait_for_exit", "as": "w", "params": id], ["call": "terminal/kill", "params": id],
        ["await": "w"], ["tell": "w"],
        ["call": "terminal/create", "as": "u", "params": ["command": "sleep 100 & sleep 200"]], ["await": "u"],
        ["done": nil],
      ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said == #"{"exitCode": null, "signal": "SIGTERM"}"#)
    let names = try Directory(path: agent.fixture.services.supervision.folder).entries().map(\.name.string)
    #expect(!names.contains { $0.hasPrefix("trm_") }, "\(names)")
  }

  @Test("a command that can't be started, and a folder outside of the workspace, are refused")
  func refusesCommands() async throws {
    let agent = try ScriptedAgent(
      Self.opening + Self.call("terminal/create", ["command": "no-such-program"])
        + Self.call("terminal/create", ["command": "ls", "cwd": "/etc"], "u") + [["done": nil]])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said.contains("-32603") && events.said.contains("-32602"), "\(events.said)")
  }
}
