import BerthProtocol
import Glibc
import JSON
import Platform
import Supervisor
import TestSupport
import Testing

@testable import Agents

@Suite("ACP: agents that misbehave")
struct ACPHazardTests {
  static let opening: [JSONValue] = [["hello": nil], ["open": nil], ["prompt": nil]]

  @Test("another version of the protocol is refused", arguments: [JSONValue.integer(2), "1", nil])
  func version(version: JSONValue) async throws {
    let agent = try ScriptedAgent([["expect": "initialize", "result": ["protocolVersion": version]]])
    let ending = try await agent.run("Go").ending
    #expect(ending.failure == .unsupportedVersion)
    #expect(try agent.received("session/new").isEmpty)
  }

  @Test("long lines are read whole", arguments: [70_000, 1 << 20, 20 << 20])
  func longLines(bytes: Int) async throws {
    let agent = try ScriptedAgent(Self.opening + [["big": .integer(bytes)], ["done": nil]])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said.utf8.count == bytes)
  }

  @Test("a line that is too long to be read ends the run")
  func tooLong() async throws {
    let agent = try ScriptedAgent(Self.opening + [["big": .integer(65 << 20)], ["done": nil]])
    #expect(try await agent.run("Go").ending.failure == .protocolError)
  }

  @Test("lines that are no messages are told, and the run goes on")
  func garbage() async throws {
    let agent = try ScriptedAgent(
      [["raw": "Welcome!\n"]] + Self.opening + [
        ["raw": "{\"jsonrpc\": \n\n[1,2]\n42\n{\"a\":1}\n"], ["say": "ok"], ["done": nil],
      ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said == "ok")
    #expect(events.logs.filter { $0.contains("no message") }.count == 5)
  }

  @Test("answers to questions that are not open are told, and the run goes on")
  func answers() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["send": ["id": 0, "result": [:]]], ["send": ["id": 99, "result": [:]]],
        ["send": ["id": "x", "error": ["code": 1, "message": "no"]]], ["say": "ok"], ["done": nil], ["done": nil],
      ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said == "ok")
    #expect(events.logs.filter { $0.contains("not open") }.count == 4)
  }

  @Test("an agent that dies in the middle of a turn fails the run, with its last words")
  func dies() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["call": "session/request_permission", "params": ACPClientTests.question], ["stderr": "out of luck"],
        ["say": "so"], ["exit": 7],
      ])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.failure == .agentExited)
    #expect(ending.exit?.code == 7 && ending.exit?.lines == ["out of luck"])
    #expect(ending.detail.contains("exit code 7") && ending.detail.contains("out of luck"))
    #expect(events.messages == ["so"])
    #expect(events.of("log").first?["level"] == "stderr")
    #expect(events.of("permission.resolved").count == 1)
    // The session's next run starts it anew.
    #expect(try agent.fixture.sessionRecord().driver["places"] == nil)
  }

  @Test("an agent that is killed, that is not there, or that ends at once, is told so")
  func dead() async throws {
    let killed = try ScriptedAgent(Self.opening + [["kill": 9]])
    #expect(try await killed.run("Go").ending.exit?.signal == "SIGKILL")
    let missing = try ScriptedAgent([]) { $0.command = "no-such-agent" }
    let ending = try await missing.run("Go").ending
    #expect(ending.failure == .launchFailed && ending.detail.contains("`no-such-agent`"))
    let short = try ScriptedAgent([["exit": 0]])
    #expect(try await short.run("Go").ending.failure == .agentExited)
  }

  @Test("an agent whose holder is killed is lost, and nothing of it is left")
  func loses() async throws {
    let agent = try ScriptedAgent(Self.opening + [["say": "a"], ["pause": 100]])
    let run = try agent.fixture.run([.words("Go")])
    async let ended = run.carryToEnd()
    _ = try await agent.fixture.event(run.id) { $0.type == "message.delta" }
    let folder = agent.fixture.services.supervision.folder(of: agent.fixture.session)
    guard case .alive(let status) = try folder.state(id: agent.fixture.session) else { return }
    kill(status.record.shim.processID, SIGKILL)
    #expect(try await ended.failure == .agentLost)
    #expect(try await isGone(agent))
    #expect(try agent.fixture.events(run.id).messages == ["a"])
  }

  @Test("an error of the agent is told in words; the session goes on")
  func errors() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["fail": ["code": -32002, "message": "Nope", "data": ["details": "quota"]]], ["prompt": nil], ["done": nil],
      ])
    let ending = try await agent.run("Go").ending
    #expect(ending.failure == .agentError && ending.detail.contains("Nope: quota"))
    #expect(try await agent.run("Go on").ending.stopReason == .endTurn)
    #expect(try agent.starts() == 1)
  }

  @Test("an agent that never answers is ended after its time to start")
  func silent() async throws {
    let agent = try ScriptedAgent([["stderr": "thinking"], ["deaf": nil]]) { $0.startSeconds = 1 }
    let ending = try await agent.run("Go").ending
    #expect(ending.failure == .startTimeout)
    #expect(ending.exit?.lines == ["thinking"])
    #expect(try await isGone(agent))
  }

  @Test("a cancelled turn ends when the agent says so, and its program is kept")
  func cancels() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["call": "session/request_permission", "as": "t", "params": ACPClientTests.question],
        ["expect": "session/cancel"], ["await": "t"], ["say": "stopped"], ["done": ["stopReason": "cancelled"]],
        ["prompt": nil], ["say": "again"], ["done": nil],
      ])
    let run = try agent.fixture.run([.words("Go")])
    async let ended = run.carryToEnd()
    _ = try await agent.fixture.event(run.id) { $0.type == "permission.requested" }
    try run.cancel(graceSeconds: 20)
    #expect(try await ended.isCancelled)
    let events = try agent.fixture.events(run.id)
    #expect(events.messages == ["stopped"])
    #expect(events.of("permission.resolved").first?["permission"]?["by"] == "cancelled")
    #expect(try agent.received().contains { $0["result"] == ["outcome": ["outcome": "cancelled"]] })
    #expect(try await agent.run("Again").events.messages == ["again"])
    #expect(try agent.starts() == 1)
  }

  @Test("an agent that ignores a cancel is ended with its tree, after the grace")
  func ignores() async throws {
    let agent = try ScriptedAgent(Self.opening + [["say": "a"], ["deaf": nil]])
    let run = try agent.fixture.run([.words("Go")])
    async let ended = run.carryToEnd()
    _ = try await agent.fixture.event(run.id) { $0.type == "message.delta" }
    try run.cancel(graceSeconds: 0.3)
    #expect(try await ended.isCancelled)
    #expect(try await isGone(agent))
  }

  @Test("a run that takes too long is stopped, and fails")
  func deadline() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [["say": "a"], ["expect": "session/cancel"], ["done": ["stopReason": "cancelled"]]])
    let run = try agent.fixture.run([.words("Go")])
    async let ended = run.carryToEnd()
    _ = try await agent.fixture.event(run.id) { $0.type == "message.delta" }
    run.tell(.deadline)
    #expect(try await ended.failure == .deadlineExceeded)
  }

  @Test("what is said in between ends the turn at hand, and is the next one")
  func steers() async throws {
    let agent = try ScriptedAgent(
      Self.opening + [
        ["say": "a"], ["expect": "session/cancel"], ["done": ["stopReason": "cancelled"]], ["prompt": nil],
        ["say": "b"], ["done": nil],
      ])
    let run = try agent.fixture.run([.words("Go")])
    async let ended = run.carryToEnd()
    _ = try await agent.fixture.event(run.id) { $0.type == "message.delta" }
    try run.say(RunRecord.Turn(prompt: .words("No, that"), mode: .steer), idempotency: nil)
    #expect(try await ended.stopReason == .endTurn)
    #expect(try agent.fixture.events(run.id).messages == ["a", "b"])
    #expect(try agent.received("session/prompt").count == 2)
  }

  @Test("lines on standard error are told")
  func floods() async throws {
    let agent = try ScriptedAgent(Self.opening + [["flood": 20_000], ["say": "ok"], ["done": nil]])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.logs == (0..<20_000).map { "line \($0)" })
    #expect(events.said == "ok")
  }

  @Test("many pieces come in order, each once")
  func manyChunks() async throws {
    let agent = try ScriptedAgent(Self.opening + [["chunks": 20_000], ["done": nil]])
    let (ending, events) = try await agent.run("Go")
    #expect(ending.stopReason == .endTurn)
    #expect(events.said == (0..<20_000).map { "\($0) " }.joined())
    #expect(events.messages.joined() == events.said)
  }

  @Test("a large prompt goes to an agent that reads late")
  func largePrompt() async throws {
    let agent = try ScriptedAgent([["hello": nil], ["open": nil], ["pause": 0.3], ["prompt": nil], ["done": nil]])
    let words = String(repeating: "wörds ", count: 1 << 20)
    #expect(try await agent.run(words).ending.stopReason == .endTurn)
    let prompt = try #require(try agent.received("session/prompt").first)
    #expect(prompt["prompt"]?.arrayValue?.first?["text"]?.stringValue == words)
  }

  /// Whether nothing of the agent lives.
  private func isGone(_ agent: ScriptedAgent) async throws -> Bool {
    let mark = Array("BERTH_PROCESS=\(agent.fixture.session)".utf8)
    return processNumbers().allSatisfy { number in
      guard let bytes = try? SmallFile.read("/proc/\(number)/environ") else { return true }
      return !bytes.split(separator: 0).contains { $0.elementsEqual(mark) }
    }
  }

  private func processNumbers() -> [Int32] {
    (try? Directory(path: "/proc").entries().compactMap { Int32($0.name.string) }) ?? []
  }
}

@Suite("ACP: trying agents out")
struct ACPProbeTests {
  @Test("an agent tells what it is")
  func probe() async throws {
    let agent = try ScriptedAgent([
      [
        "hello": ["loadSession": true],
        "more": [
          "agentInfo": ["name": "x", "title": "The X", "version": "1.2"],
          "authMethods": [["id": "key", "name": "A key"]],
        ],
      ]
    ])
    let result = await ACPDriver.probe(agent.fixture.agent, agent.fixture.services, timeoutSeconds: 20)
    #expect(result.ok && result.version == "1.2" && result.message.contains("The X"))
    #expect(result.capabilities == ["loadSession": true])
    #expect(result.authMethods?.map(\.id) == ["key"])
    let left = try Directory(path: agent.fixture.services.supervision.folder).entries()
    #expect(left.isEmpty)
  }

  @Test("what fails is told")
  func faults() async throws {
    let old = try ScriptedAgent([["expect": "initialize", "result": ["protocolVersion": 9]]])
    let version = await ACPDriver.probe(old.fixture.agent, old.fixture.services, timeoutSeconds: 20)
    #expect(!version.ok && version.message.contains("version 9"))
    let short = try ScriptedAgent([["stderr": "no key"], ["exit": 1]])
    let ended = await ACPDriver.probe(short.fixture.agent, short.fixture.services, timeoutSeconds: 20)
    #expect(!ended.ok && ended.lines == ["no key"])
    let silent = try ScriptedAgent([["pause": 100]])
    let late = await ACPDriver.probe(silent.fixture.agent, silent.fixture.services, timeoutSeconds: 1)
    #expect(!late.ok && late.message.contains("within"))
  }
}
