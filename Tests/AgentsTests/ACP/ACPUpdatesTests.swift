import BerthProtocol
import JSON
import Streams
import Testing

@testable import Agents

@Suite("ACP: updates")
struct ACPUpdatesTests {
  /// The events that updates become.
  private func events(_ updates: JSONValue...) -> [(type: String, payload: JSONValue)] {
    var changes = Self.changes()
    var mapping = ACPUpdates()
    for update in updates {
      let line: JSONValue = [
        "jsonrpc": "2.0", "method": "session/update", "params": ["sessionId": "s", "update": update],
      ]
      line.jsonBytes().withUnsafeBytes { bytes in
        if let chunk = ACPChunk(bytes), mapping.add(chunk, to: &changes) { return }
        if case .object(let object) = update { _ = mapping.add(object, to: &changes) }
      }
    }
    mapping.endMessage(in: &changes)
    return changes.events.map { event in
      var payload = (try? JSONParser.parse(event.payload))?.objectValue ?? [:]
      payload["seq"] = nil
      return (event.type, .object(payload))
    }
  }

  private static func changes() -> RunChanges {
    let run = AgentRun(
      id: "run_1", session: "ags_1", agent: "a", workspace: "w", state: .running, stream: "run/run_1", prompt: "",
      permissions: .ask, priority: 0, usage: RunUsage(), version: 1, createdAt: "")
    let session = AgentSession(
      id: "ags_1", agent: "a", workspace: "w", title: "", runs: 1, createdAt: "", updatedAt: "", version: 1)
    return RunChanges(
      RunRecord(run: run, turns: [], options: .init(permissionSeconds: 1)), SessionRecord(session: session))
  }

  private func chunk(_ text: String, _ more: JSONObject = [:], _ content: JSONObject = [:]) -> JSONValue {
    var update: JSONObject = ["sessionUpdate": "agent_message_chunk"]
    var block: JSONObject = ["type": "text", "text": .string(text)]
    for member in content.members { block[member.key] = member.value }
    update["content"] = .object(block)
    for member in more.members { update[member.key] = member.value }
    return .object(update)
  }

  @Test("pieces become deltas, and a message at their end; thoughts apart")
  func text() {
    let told = events(
      chunk("a\"\n"), chunk("ü"), ["sessionUpdate": "agent_thought_chunk", "content": ["type": "text", "text": "t"]])
    #expect(told.map(\.type) == ["message.delta", "message.delta", "message", "thought.delta", "message"])
    #expect(told[2].payload["content"] == [["type": "text", "text": "a\"\nü"]])
    #expect(told[4].payload["thought"] == true)
  }

  @Test("what a piece holds beside its text is told as it came")
  func annotated() {
    let meta: JSONValue = ["echo": true]
    let update = chunk("a", ["_meta": meta], ["annotations": ["priority": 1]])
    let told = events(update)
    #expect(told.map(\.type) == ["message.delta", "agent.update", "message"])
    #expect(told[1].payload["update"] == update)
    #expect(events(chunk("a", ["_meta": nil])).map(\.type) == ["message.delta", "message"])
  }

  @Test("another message's id ends the message at hand")
  func ids() {
    let told = events(chunk("a", ["messageId": "1"]), chunk("b", ["messageId": "1"]), chunk("c", ["messageId": "2"]))
    #expect(
      told.map(\.type) == [
        "message.delta", "agent.update", "message.delta", "message", "message.delta", "agent.update", "message",
      ])
  }

  @Test("what is no text, and what nobody knows, is told as it came")
  func unknown() {
    let image: JSONValue = [
      "sessionUpdate": "agent_message_chunk", "content": ["type": "image", "data": "AA", "mimeType": "image/png"],
    ]
    let other: JSONValue = ["sessionUpdate": "something_new", "x": 1]
    let told = events(chunk("a"), image, other)
    #expect(told.map(\.type) == ["message.delta", "message", "agent.update", "agent.update"])
    #expect(told[2].payload["update"] == image && told[3].payload["update"] == other)
  }

  @Test("a tool call keeps all that was said of it")
  func tools() {
    let told = events(
      [
        "sessionUpdate": "tool_call", "toolCallId": "1", "title": "Edit", "kind": "edit", "status": "pending",
        "rawInput": ["a": 1], "content": [["type": "diff", "path": "/x"]], "locations": [["path": "/x", "line": 3]],
        "_meta": ["m": 1], "new": 2,
      ], ["sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "odd", "title": nil, "rawOutput": "ok"])
    #expect(told.map(\.type) == ["tool.call", "tool.update"])
    #expect(
      told[0].payload == [
        "id": "1", "title": "Edit", "kind": "edit", "status": "pending", "input": ["a": 1],
        "content": [["type": "diff", "path": "/x"]], "locations": [["path": "/x", "line": 3]],
        "meta": ["_meta": ["m": 1], "new": 2],
      ])
    #expect(told[1].payload == ["id": "1", "output": "ok", "meta": ["status": "odd"]])
  }

  @Test("a plan and the use of the context have events of their own")
  func others() {
    let told = events(
      [
        "sessionUpdate": "plan", "entries": [["content": "a", "priority": "high", "status": "pending"]],
      ], ["sessionUpdate": "usage_update", "used": 10, "size": 100],
      ["sessionUpdate": "usage_update", "used": 11, "size": 100, "cost": ["amount": 1, "currency": "EUR"]])
    #expect(told.map(\.type) == ["plan", "usage", "usage", "agent.update"])
    #expect(told[1].payload["usage"]?["contextTokens"] == 10)
  }

  @Test(
    "only a plain piece is taken without a closer look",
    arguments: [
      (
        #"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a\"b"}}}}"#,
        true
      ),
      (
        #" { "params" : { "update" : { "content" : { "text" : "x" , "type" : "text" } , "sessionUpdate" : "agent_thought_chunk", "messageId": null } , "sessionId" : "s" } , "method" : "session/update" } "#,
        true
      ),
      (
        #"{"id":1,"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a"}}}}"#,
        false
      ),
      (
        #"{"params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a"}}}}"#,
        false
      ),
      (
        #"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a"}}}} x"#,
        false
      ),
      (
        #"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a}}}}"#,
        false
      ),
      (
        #"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"plan","entries":[]}}}"#, false
      ),
    ])
  func chunks(line: String, isPlain: Bool) {
    let found = Array(line.utf8).withUnsafeBytes { ACPChunk($0) != nil }
    #expect(found == isPlain)
  }

  @Test("the end of a terminal's output is cut between characters")
  func tail() {
    var tail = TerminalTail(limitBytes: 4)
    for line in ["aä", "ö€"] { Array(line.utf8).withUnsafeBytes { tail.add($0) } }
    #expect(tail.text() == "€\n")
    #expect(tail.isTruncated)
  }

  @Test("a connection is the same after it was written down")
  func connection() throws {
    var connection = ACPConnection(plan: "p")
    connection.ask(.initialize, "initialize", ["a": 1])
    connection.ask(.option("x:y"), "session/set_config_option", [:])
    connection.asked.append(.init(id: "r", kind: .permission, reference: "prm_1"))
    connection.session = "s"
    let again = try #require(ACPConnection(connection.json(places: true)))
    #expect(again.json(places: true) == connection.json(places: true))
    let (bytes, offset) = try #require(again.unsent)
    #expect(offset == 0)
    // Some of it has been taken.
    var rest = again
    let isPossible = rest.noteSent(10)
    #expect(isPossible)
    let unsent = try #require(rest.unsent)
    #expect(unsent.offset == 10 && unsent.bytes == Array(bytes.dropFirst(10)))
    _ = rest.noteSent(bytes.count)
    rest.trim()
    #expect(rest.unsent == nil && rest.outbox.isEmpty && rest.sent == bytes.count)
    let isTooMuch = !rest.noteSent(bytes.count + 1)
    let question = rest.takeQuestion(1)
    let repeated = rest.takeQuestion(1)
    #expect(isTooMuch && question == .option("x:y") && repeated == nil)
  }
}
