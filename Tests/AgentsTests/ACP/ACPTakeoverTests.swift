import BerthProtocol
import JSON
import Synchronization
import TestSupport
import Testing

@testable import Agents

@Suite("ACP: the server's death")
struct ACPTakeoverTests {
  private struct Killed: Error {}

  /// A server's share in a run: to its end, or to its death at some moment.
  ///
  /// - Returns: How many moments there were; nil where it died.
  private func serve(_ run: RunContext, dyingAt last: Int?) async throws -> Int? {
    let moments = Mutex(0)
    let task = Task(executorPreference: RunFixture.pool) {
      let ending = try await ACPRun(run) {
        let moment = moments.withLock { count in
          count += 1
          return count
        }
        if moment == last { throw Killed() }
      }.carry()
      try run.end(ending)
    }
    let answering = Task {
      while !Task.isCancelled {
        for permission in run.openPermissions {
          _ = try? run.resolve(permission.id, permission.options[0], by: .client)
        }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    defer { answering.cancel() }
    do {
      try await withDeadline(seconds: 60, "the end of the run") { try await task.value }
    } catch is Killed {
      return nil
    }
    return moments.withLock { $0 }
  }

  private func scripted() throws -> ScriptedAgent {
    let terminal: JSONValue = ["terminalId": "$t.terminalId"]
    let first: [JSONValue] =
      [["hello": nil], ["open": nil], ["prompt": nil], ["say": "one "], ["say": "two"]]
      + ACPClientTests.call("session/request_permission", ACPClientTests.question, "q")
      + ACPClientTests.call("fs/write_text_file", ["path": "$FOLDER/a.txt", "content": "x"], "f")
    let second: [JSONValue] =
      [["call": "terminal/create", "as": "t", "params": ["command": "echo run >> ran"]], ["await": "t"]]
      + ACPClientTests.call("terminal/wait_for_exit", terminal, "w")
      + ACPClientTests.call("terminal/release", terminal, "r")
    let end: [JSONValue] = [
      ["update": ["sessionUpdate": "tool_call", "toolCallId": "x", "title": "T"]], ["done": nil], ["prompt": nil],
      ["say": "three"], ["done": nil],
    ]
    return try ScriptedAgent(first + second + end)
  }

  /// What the agent was sent, but for what differs from run to run.
  private func shape(_ messages: [JSONValue]) -> [String] {
    messages.map { message in
      let kind = message["method"]?.stringValue ?? "answer"
      return "\(kind) \(message["id"]?.jsonString ?? "") \(message["error"]?.jsonString ?? "")"
    }
  }

  private func shape(_ events: [StreamEvent]) -> [String] {
    // Pieces may be told in other portions of a message, but not be lost or come twice.
    events.filter { $0.type != "message" || $0.payload["role"] == "user" }.map { event in
      "\(event.type) \(event.payload["text"]?.stringValue ?? "") \(event.payload["state"]?.stringValue ?? "")"
    }
  }

  @Test("whenever it dies, the next one goes on: the agent is sent each line once, and each event is told once")
  func everyMoment() async throws {
    let whole = try scripted()
    let run = try whole.fixture.run([.words("One"), .words("Two")])
    let count = try #require(try await serve(run, dyingAt: nil))
    let received = shape(try whole.received())
    let events = shape(try whole.fixture.events(run.id))
    #expect(count > 15)
    #expect(try whole.fixture.events(run.id).said.hasSuffix("three"))

    for moment in 1...count {
      let agent = try scripted()
      let run = try agent.fixture.run([.words("One"), .words("Two")])
      guard try await serve(run, dyingAt: moment) == nil else { continue }
      let next = try agent.next()
      let rest = try next.fixture.takeOver(run.id)
      #expect(try await serve(rest, dyingAt: nil) != nil, "moment \(moment)")
      #expect(shape(try agent.received()) == received, "moment \(moment)")
      let told = try next.fixture.events(run.id)
      #expect(shape(told) == events, "moment \(moment)")
      #expect(told.map { $0.payload["seq"]?.intValue } == (1...max(told.count, 1)).map { $0 }, "moment \(moment)")
      #expect(told.messages.joined() == told.said, "moment \(moment)")
      #expect(try agent.starts() == 1, "moment \(moment)")
      #expect(try agent.fixture.folder.read("demo/ran") == "run\n", "moment \(moment)")
    }
  }

  @Test("a run whose agent was lost meanwhile is interrupted, and the session goes on")
  func lost() async throws {
    let script: [JSONValue] = [
      ["hello": ["loadSession": true]], ["open": nil], ["prompt": nil], ["say": "a"], ["touch": "$FOLDER/said"],
      ["pause": 100],
    ]
    let again: [JSONValue] = [
      ["hello": ["loadSession": true]], ["expect": "session/load", "result": [:]], ["prompt": nil], ["say": "b"],
      ["done": nil],
    ]
    let agent = try ScriptedAgent(script, again)
    let run = try agent.fixture.run([.words("One")])
    let task = Task(executorPreference: RunFixture.pool) { try await ACPRun(run).carry() }
    _ = try await agent.fixture.event(run.id) { $0.type == "message.delta" }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    agent.fixture.killShims()
    let next = try agent.next()
    let ending = try await next.fixture.takeOver(run.id).carryToEnd()
    guard case .interrupted = ending else {
      Issue.record("it is \(ending)")
      return
    }
    #expect(try next.fixture.events(run.id).messages == ["a"])
    let (after, events) = try await next.run("Two")
    #expect(after.stopReason == .endTurn)
    #expect(events.messages == ["b"])
  }
}
