import BerthProtocol
import JSON
import Supervisor
import TestSupport
import Testing

@testable import Agents

@Suite("ACP: runs")
struct ACPRunTests {
  static let opening: [JSONValue] = [["hello": nil], ["open": nil]]

  @Test("what an agent says is told in pieces and as a whole")
  func says() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [["prompt": nil], ["say": "Hello, "], ["say": "“wörld”\n\t\"!\""], ["done": nil]])
    let (ending, events) = try await agent.run("Say hello")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said == "Hello, “wörld”\n\t\"!\"")
    #expect(events.messages == ["Hello, “wörld”\n\t\"!\""])
    #expect(events.map { $0.payload["seq"]?.intValue } == (1...events.count).map { $0 })
    #expect(events.of("run.state").compactMap { $0["state"]?.stringValue } == ["running", "completed"])
    let greeting = try #require(try agent.received("initialize").first)
    #expect(greeting["protocolVersion"] == 1)
    #expect(greeting["clientCapabilities"]?["fs"]?["writeTextFile"] == true)
    #expect(greeting["clientCapabilities"]?["terminal"] == true)
    let opened = try #require(try agent.received("session/new").first)
    #expect(opened["cwd"] == .string(agent.path("")))
    #expect(opened["mcpServers"] == [])
    let prompt = try #require(try agent.received("session/prompt").first)
    #expect(prompt["prompt"] == [["type": "text", "text": "Say hello"]])
    #expect(try agent.fixture.sessionRecord().session.agentSession == "s-1")
  }

  @Test("the runs of a session share a process, and so do the turns of a run")
  func shares() async throws {
    let turn: [JSONValue] = [["prompt": nil], ["say": "Yes."], ["done": nil]]
    let agent = try ScriptedAgent(Self.opening + turn + turn + turn)
    let (_, first) = try await agent.run("One", "Two")
    #expect(first.messages == ["Yes.", "Yes."])
    let (ending, second) = try await agent.run("Three")
    #expect(ending.stopReason == .endTurn)
    #expect(second.messages == ["Yes."])
    #expect(try agent.starts() == 1)
    await ACPDriver.close(session: agent.fixture.session, agent.fixture.services)
    #expect(try agent.fixture.services.supervision.folder(of: agent.fixture.session).state(id: "x") == .empty)
  }

  @Test("updates before the answer to session/new and after the prompt's are told")
  func early() async throws {
    let agent = try ScriptedAgent([
      ["hello": nil], ["expect": "session/new", "keep": "new"],
      ["update": ["sessionUpdate": "available_commands_update", "availableCommands": [["name": "go"]]]],
      ["send": ["id": 1, "result": ["sessionId": "s-1"]]], ["prompt": nil], ["say": "a"], ["done": nil],
      ["pause": 0.05], ["say": "b"],
    ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.messages == ["ab"])
    let update = try #require(events.of("agent.update").first)
    #expect(update["update"]?["availableCommands"] == [["name": "go"]])
  }

  @Test("what comes long after a run is told by the session's next one")
  func late() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["prompt": nil], ["say": "a"], ["done": nil], ["file": "$FOLDER/go"], ["say": "late"],
        ["touch": "$FOLDER/said"],
        ["prompt": nil], ["say": "b"], ["done": nil],
      ])
    let (_, first) = try await agent.run("One")
    #expect(first.messages == ["a"])
    try agent.touch("go")
    try await withDeadline { while !agent.exists("said") { try await Task.sleep(for: .milliseconds(5)) } }
    let (_, second) = try await agent.run("Two")
    #expect(second.said == "lateb")
  }

  @Test("an agent that was started anew loads its session, and what it tells again is not told")
  func loads() async throws {
    let first: [JSONValue] = [
      ["hello": ["loadSession": true]], ["open": nil], ["prompt": nil], ["done": nil], ["exit": 0],
    ]
    let second: [JSONValue] = [
      ["hello": ["loadSession": true]], ["expect": "session/load", "keep": "load"],
      ["say": "old"], ["update": ["sessionUpdate": "user_message_chunk", "content": ["type": "text", "text": "One"]]],
      ["send": ["id": 1, "result": [:]]], ["prompt": nil], ["say": "new"], ["done": nil],
    ]
    let agent = try ScriptedAgent(first, second)
    _ = try await agent.run("One")
    await ACPDriver.close(session: agent.fixture.session, agent.fixture.services)
    let (ending, events) = try await agent.run("Two")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said == "new")
    #expect(events.of("agent.update").isEmpty)
    #expect(try agent.received("session/load").first?["mcpServers"] == [])
    #expect(try agent.starts() == 2)
  }

  @Test("an agent that can resume is asked to; one that can do neither begins anew, and that is told")
  func resumes() async throws {
    let first: [JSONValue] = Self.opening + [["prompt": nil], ["done": nil], ["exit": 0]]
    let second: [JSONValue] = [
      ["hello": ["sessionCapabilities": ["resume": [:]]]], ["expect": "session/resume", "result": [:]],
      ["prompt": nil], ["done": nil], ["exit": 0],
    ]
    let third: [JSONValue] = [["hello": nil], ["open": "s-9"], ["prompt": nil], ["done": nil]]
    let agent = try ScriptedAgent(first, second, third)
    for prompt in ["One", "Two"] {
      #expect(try await agent.run(prompt).ending.stopReason == .endTurn)
      await ACPDriver.close(session: agent.fixture.session, agent.fixture.services)
    }
    #expect(try agent.received("session/resume").count == 1)
    let (_, events) = try await agent.run("Three")
    #expect(events.logs.contains { $0.contains("does not know what was said before") })
    #expect(try agent.fixture.sessionRecord().session.agentSession == "s-9")
  }

  @Test("mode and options are set before the first prompt, and kept with the session")
  func configures() async throws {
    let modes: JSONValue = [
      "currentModeId": "ask", "availableModes": [["id": "ask", "name": "Ask"], ["id": "code", "name": "Code"]],
    ]
    func options(_ model: String, _ fast: Bool) -> JSONValue {
      [
        [
          "id": "model", "name": "Model", "type": "select", "currentValue": .string(model),
          "options": [["group": "g", "name": "G", "options": [["value": "big", "name": "Big"]]]],
        ],
        ["id": "fast", "name": "Fast", "type": "boolean", "currentValue": .bool(fast)],
      ]
    }
    let agent = try ScriptedAgent([
      ["hello": nil], ["open": nil, "more": ["modes": modes, "configOptions": options("small", false)]],
      ["expect": "session/set_mode", "result": [:]],
      ["expect": "session/set_config_option", "result": ["configOptions": options("small", true)]],
      ["expect": "session/set_config_option", "result": ["configOptions": options("big", true)]],
      ["prompt": nil],
      ["update": ["sessionUpdate": "session_info_update", "title": "A title"]],
      ["update": ["sessionUpdate": "current_mode_update", "currentModeId": "ask"]], ["done": nil],
    ])
    let (ending, events) = try await agent.run("Go", mode: "code", options: ["model": "big", "fast": "true"])
    #expect(ending.stopReason == .endTurn)
    #expect(try agent.received("session/set_mode").first?["modeId"] == "code")
    let set = try agent.received("session/set_config_option")
    #expect(set.first?["value"] == true && set.last?["value"] == "big")
    let session = try agent.fixture.sessionRecord().session
    #expect(session.title == "A title" && session.mode == "ask")
    #expect(session.options?.map(\.id) == ["mode", "model", "fast"])
    #expect(session.options?.map(\.value) == ["ask", "big", "true"])
    #expect(events.of("agent.update").count == 2)
  }

  @Test("a login is asked for where one is configured, and told where one is missing")
  func logsIn() async throws {
    let methods: JSONValue = ["authMethods": [["id": "key", "name": "A key", "description": "Set KEY."]]]
    let agent = try ScriptedAgent([
      ["hello": nil, "more": methods], ["expect": "authenticate", "result": [:]], ["open": nil], ["prompt": nil],
      ["done": nil],
    ]) { $0.authMethod = "key" }
    #expect(try await agent.run("Go").ending.stopReason == .endTurn)
    #expect(try agent.received("authenticate").first?["methodId"] == "key")

    let other = try ScriptedAgent([
      ["hello": nil, "more": methods],
      ["expect": "session/new", "error": ["code": -32000, "message": "Authentication required"]],
    ])
    let ending = try await other.run("Go").ending
    #expect(ending.failure == .authenticationRequired)
    #expect(ending.detail.contains("`key`: A key (Set KEY.)"))
  }

  @Test("blocks of a prompt are put into the agent's words, as far as it takes them")
  func blocks() async throws {
    let capabilities: JSONValue = ["promptCapabilities": ["image": true, "embeddedContext": true]]
    let agent = try ScriptedAgent([["hello": capabilities], ["open": nil], ["prompt": nil], ["done": nil]])
    try agent.fixture.folder.write("demo/a b.png", "png")
    let run = try agent.fixture.run([
      [
        ContentBlock(type: .file, path: "a b.png"), ContentBlock(type: .image, path: "a b.png"),
        ContentBlock(type: .image, data: "AAAA", mimeType: "image/gif"),
        ContentBlock(type: .resource, text: "words", uri: "note:1"),
      ]
    ])
    #expect(try await run.carryToEnd().stopReason == .endTurn)
    let prompt = try #require(try agent.received("session/prompt").first?["prompt"]?.arrayValue)
    let uri = JSONValue.string("file://" + agent.path("a%20b.png"))
    #expect(prompt[0] == ["type": "resource_link", "uri": uri, "name": "a b.png"])
    #expect(prompt[1] == ["type": "image", "data": "cG5n", "mimeType": "image/png", "uri": uri])
    #expect(prompt[2] == ["type": "image", "data": "AAAA", "mimeType": "image/gif"])
    #expect(prompt[3] == ["type": "resource", "resource": ["uri": "note:1", "text": "words"]])

    let plain = try ScriptedAgent([["hello": nil], ["open": nil]])
    let refused = try plain.fixture.run([[ContentBlock(type: .image, data: "AAAA")]])
    #expect(try await refused.carryToEnd().failure == .promptUnsupported)
  }
}
