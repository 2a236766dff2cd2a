import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

@testable import Agents

@Suite(.timeLimit(.minutes(3))) struct ModelRunTests {
  @Test func `an answer is told as it comes, and its usage counted`() async throws {
    let fixture = try await ModelFixture([
      .delta(["reasoning_content": "Hm."]), .said("Hel"), .text(": keep alive\n\n"), .said("lo"), .finish("stop"),
      .usage(100, 20, cached: 60), .done,
    ])
    let run = try fixture.run("Say hello.")
    let ending = try await fixture.carry(run)
    #expect(ending.stopReason == .endTurn)
    let events = try fixture.home.events(run)
    #expect(
      events.map(\.type) == [
        "message", "run.state", "thought.delta", "message", "message.delta", "message.delta", "message", "usage",
        "run.state", "run.completed",
      ], "\(events.map(\.type))")
    #expect(events.messages == ["Hello"] && run.record.run.message == "Hello")
    #expect(
      run.record.run.usage
        == RunUsage(
          inputTokens: 100, outputTokens: 20, cachedTokens: 60, requests: 1, contextTokens: 120, contextSize: 128_000))
    let request = try #require(fixture.provider.requests.first)
    #expect(request.method == "POST" && request.uri == "/v1/chat/completions")
    #expect(request.headers["authorization"] == "Bearer \(ModelFixture.key)")
    #expect(request.body["stream"] == true && request.body["stream_options"]?["include_usage"] == true)
    #expect(request.body["model"] == "test-model" && request.body["tools"]?.arrayValue?.count == 6)
    #expect(fixture.sent(0) == [["role": "user", "content": "Say hello."]])
    let seqs = events.compactMap { $0.payload["seq"]?.intValue }
    #expect(seqs == Array(1...events.count))
  }

  @Test func `without a key there is no header, and options take another model`() async throws {
    let fixture = try await ModelFixture(.answer("ok"))
    let agent = fixture.agent(key: nil) { config in
      config.tools = []
      config.system = "Be brief."
      config.temperature = 0.5
      config.maxOutputTokens = 77
    }
    let run = try fixture.home.run(agent, [ContentBlock(type: .text, text: "x")], options: ["model": "other"])
    try await fixture.carry(run)
    let request = try #require(fixture.provider.requests.first)
    #expect(request.headers["authorization"] == nil && request.body["tools"] == nil)
    #expect(request.body["model"] == "other" && request.body["max_tokens"] == 77)
    #expect(request.body["messages"]?.arrayValue?.first == ["role": "system", "content": "Be brief."])
  }

  @Test(arguments: [
    ("stop", StopReason.endTurn), ("length", .maxTokens), ("content_filter", .refusal), ("whatever", .endTurn),
  ])
  func `why it stopped is told`(finish: String, reason: StopReason) async throws {
    let fixture = try await ModelFixture([.said("x"), .finish(finish)])
    #expect(try await fixture.carry(fixture.run()).stopReason == reason)
  }

  @Test func `tools are used, and their results go back`() async throws {
    let fixture = try await ModelFixture(
      [
        .said("I look."),
        .delta([
          "tool_calls": [
            ["index": 0, "id": "a", "type": "function", "function": ["name": "read_file", "arguments": ""]]
          ]
        ]),
        .delta(["tool_calls": [["index": 0, "function": ["arguments": "{\"path\":"]]]]),
        .delta(["tool_calls": [["index": 0, "function": ["arguments": "\"a.txt\"}"]]]]), .finish("tool_calls"), .done,
      ],
      .calls(
        .call("b", "edit_file", ["path": "a.txt", "oldText": "one", "newText": "two"]),
        .call("c", "write_file", ["path": "new/b.txt", "content": "made"], index: 1)),
      .answer("Done."))
    try fixture.home.put("a.txt", "one\n")
    let run = try fixture.run()
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    #expect(try fixture.home.text("a.txt") == "two\n" && fixture.home.text("new/b.txt") == "made")
    let events = try fixture.home.events(run)
    #expect(events.messages == ["I look.", "Done."])
    let calls = events.of("tool.call")
    #expect(calls.map { $0["id"]?.stringValue } == ["a", "b", "c"])
    #expect(calls.map { $0["kind"]?.stringValue } == ["read", "edit", "edit"])
    #expect(calls.allSatisfy { $0["status"] == "pending" })
    let updates = events.of("tool.update")
    #expect(
      updates.map { $0["status"]?.stringValue } == [
        "in_progress", "completed", "in_progress", "completed", "in_progress", "completed",
      ])
    let diff = updates[3]["content"]?.arrayValue?.first
    #expect(
      diff == [
        "type": "diff", "path": .string(fixture.home.workspace.path + "/a.txt"), "oldText": "one\n", "newText": "two\n",
      ])
    let changed = events.of("file.changed")
    #expect(changed.map { $0["path"]?.stringValue } == ["a.txt", "new/b.txt"])
    #expect(changed.map { $0["created"]?.boolValue } == [false, true])
    // What is asked next holds all of it, in the form that providers want.
    #expect(
      fixture.sent(2).map { $0["role"]?.stringValue } == ["user", "assistant", "tool", "assistant", "tool", "tool"])
    #expect(fixture.sent(1).last == ["role": "tool", "tool_call_id": "a", "content": "one"])
    #expect(run.record.run.usage.requests == 3)
  }

  @Test func `whatever is wrong with a call is its result, and the run goes on`() async throws {
    let fixture = try await ModelFixture(
      .calls(
        .call("a", "no_such_tool", [:]), .call("b", "read_file", ["path": "../../etc/passwd"], index: 1),
        .call("c", "edit_file", ["path": "x"], index: 2), .call("d", "list_files", [:], index: 3)),
      .answer("Sorry."))
    let run = try fixture.run { $0.tools = [.readFile, .editFile] }
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    #expect(try fixture.result(of: "a") == "There is no tool `no_such_tool`. There are `read_file`, `edit_file`.")
    #expect(try fixture.result(of: "b")?.contains("leads out of the workspace") == true)
    #expect(try fixture.result(of: "c")?.contains("`newText` is missing") == true)
    #expect(try fixture.result(of: "d")?.hasPrefix("There is no tool") == true)
    let statuses = try fixture.home.events(run).of("tool.update").compactMap { $0["status"]?.stringValue }
    #expect(statuses.filter { $0 == "failed" }.count == 4 && !statuses.contains("completed"))
  }

  @Test func `a turn has so many steps at most`() async throws {
    let fixture = try await ModelFixture(
      .calls(.call("a", "list_files", [:])), .calls(.call("b", "list_files", [:])))
    let run = try fixture.run { $0.maxSteps = 2 }
    #expect(try await fixture.carry(run).stopReason == .maxTurnRequests)
    #expect(fixture.provider.requests.count == 2)
  }

  @Test func `what is said meanwhile comes before the next request, or as a turn of its own`() async throws {
    let fixture = try await ModelFixture(
      [.wait("steer"), .call("a", "list_files", [:]), .finish("tool_calls"), .done], .answer("One."),
      [.wait("follow"), .said("Two."), .finish("stop")], .answer("Three."))
    let run = try fixture.run("First.")
    let task = fixture.begin(run)
    try await fixture.provider.arrival(of: 1)
    try run.say(.init(prompt: [ContentBlock(type: .text, text: "Steer.")], mode: .steer), idempotency: nil)
    try run.say(.init(prompt: [ContentBlock(type: .text, text: "Then.")], mode: .followUp), idempotency: nil)
    fixture.provider.release("steer")
    try await fixture.provider.arrival(of: 3)
    try run.say(.init(prompt: [ContentBlock(type: .text, text: "Last.")], mode: .followUp), idempotency: nil)
    fixture.provider.release("follow")
    #expect(try await task.value(within: 30).stopReason == .endTurn)
    #expect(fixture.sent(1).last == ["role": "user", "content": "Steer."])
    #expect(fixture.sent(2).last == ["role": "user", "content": "Then."])
    #expect(fixture.sent(3).last == ["role": "user", "content": "Last."])
    #expect(try fixture.home.events(run).messages == ["One.", "Two.", "Three."])
  }

  @Test func `files, pictures and resources are read into the prompt`() async throws {
    let fixture = try await ModelFixture(.answer("Seen."))
    try fixture.home.put("a.txt", "inside")
    try fixture.home.put("p.jpg", "JPEG")
    let prompt = [
      ContentBlock(type: .text, text: "Look."), ContentBlock(type: .file, path: "a.txt"),
      ContentBlock(type: .image, path: "p.jpg"), ContentBlock(type: .image, data: "AAAA"),
      ContentBlock(type: .resource, text: "words", uri: "x://y"), ContentBlock(type: .file, path: "gone"),
    ]
    let run = try fixture.home.run(fixture.agent(), prompt)
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    let parts = try #require(fixture.sent(0).first?["content"]?.arrayValue)
    #expect(parts[1]["text"] == "<file path=\"a.txt\">\ninside\n</file>")
    #expect(parts[2]["image_url"]?["url"] == "data:image/jpeg;base64,SlBFRw==")
    #expect(parts[3]["image_url"]?["url"] == "data:image/png;base64,AAAA")
    #expect(parts[4]["text"] == "<resource uri=\"x://y\">\nwords\n</resource>")
    #expect(try fixture.home.events(run).of("log").count == 1)
    #expect(ModelDriver.fault(of: prompt, for: fixture.agent()) == nil)
    let sound = ContentBlock(type: .resource, data: "AAAA", mimeType: "audio/wav", uri: "s")
    #expect(ModelDriver.fault(of: [sound], for: fixture.agent()) != nil)
  }

  @Test func `calls that are called like earlier ones are told apart`() async throws {
    let fixture = try await ModelFixture(
      .calls(.call("a", "list_files", [:])), .answer("One."), .calls(.call("a", "list_files", [:])), .answer("Two."))
    try await fixture.carry(fixture.run("First."))
    let run = try fixture.run("Second.")
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    #expect(try fixture.home.events(run).of("tool.call").first?["id"] == "call_2")
    #expect(fixture.sent(3).compactMap { $0["tool_call_id"]?.stringValue } == ["a", "call_2"])
  }

  @Test func `the next run of the session goes on with the conversation`() async throws {
    let fixture = try await ModelFixture(.answer("One."), .answer("Two."))
    try await fixture.carry(fixture.run("First."))
    try await fixture.carry(fixture.run("Second."))
    #expect(
      fixture.sent(1) == [
        ["role": "user", "content": "First."], ["role": "assistant", "content": "One."],
        ["role": "user", "content": "Second."],
      ])
  }

  @Test func `the context is kept within its size, which is told`() async throws {
    let long = String(repeating: "0123456789", count: 250)
    let fixture = try await ModelFixture(.answer(long), .answer(long), .answer("ok"))
    for number in 0..<3 {
      let run = try fixture.run("Turn \(number).") {
        $0.contextTokens = 1600
        $0.tools = []
      }
      #expect(try await fixture.carry(run).stopReason == .endTurn)
      let logs = try fixture.home.events(run).of("log").compactMap { $0["message"]?.stringValue }
      #expect(logs.contains { $0.contains("left out") } == (number == 2), "\(logs)")
    }
    #expect(fixture.sent(2).first == ["role": "user", "content": "Turn 1."])
    let run = try fixture.run(String(repeating: long, count: 4)) {
      $0.contextTokens = 1600
      $0.tools = []
    }
    #expect(try await fixture.carry(run).failure == .contextExceeded)
    #expect(fixture.provider.requests.count == 3)
  }
}
