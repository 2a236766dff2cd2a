import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

@Suite struct AgentRunTests {
  // MARK: Order

  @Test func `the runs of a session go one after the other, those of two side by side`() throws {
    let home = try AgentHome(["mark": AgentHome.shell("read n; echo begin $n >>log; sleep 0.3; echo end $n >>log")])
    let first = try home.start("mark", "1")
    let second = try home.start("mark", "2", session: first.session)
    try home.end(second.id)
    #expect(try home.server.folder.read("ws/log") == "begin 1\nend 1\nbegin 2\nend 2\n")
    let others = try [home.start("mark", "3"), home.start("mark", "4")]
    for other in others { try home.end(other.id) }
    let log = try #require(try home.server.folder.read("ws/log")).split(separator: "\n").suffix(4)
    #expect(log.prefix(2).allSatisfy { $0.hasPrefix("begin") }, "\(log)")
  }

  @Test func `of those that wait, the highest priority goes first, and each knows its place`() throws {
    let home = try AgentHome(["mark": AgentHome.shell("read n; echo $n >>log; sleep 0.2")], runs: ["maxRunning": 1])
    let first = try home.start("mark", "first")
    try home.until(first.id) { $0.state == .running }
    let low = try home.start("mark", "low", priority: -1)
    let middle = try home.start("mark", "middle")
    let high = try home.start("mark", "high", priority: 5)
    let places = try [high, middle, low].map { try home.run($0.id).place }
    #expect(places == [1, 2, 3] || places == [nil, 1, 2])
    for run in [low, middle, high] { try home.end(run.id) }
    #expect(try home.server.folder.read("ws/log") == "first\nhigh\nmiddle\nlow\n")
  }

  @Test func `an agent's own limit leaves the others alone`() throws {
    var slow = try #require(AgentHome.shell("sleep 20").objectValue)
    slow["maxRunning"] = 1
    let home = try AgentHome(["slow": .object(slow), "quick": AgentHome.shell("cat")])
    let runs = try [home.start("slow"), home.start("slow")]
    #expect(try home.end(home.start("quick").id).state == .completed)
    #expect(try home.run(runs[1].id).state == .queued)
    for run in runs.reversed() { _ = try home.client.request(AgentRunCancel.self, .init(run: run.id, graceSeconds: 0)) }
  }

  // MARK: Output

  @Test func `output is told line by line, objects as objects, garbage and long lines too`() throws {
    let script = #"""
      cat; echo '{"a": [1, "x"]}'; echo '{broken'; printf 'caf\303\251 \377\n'; echo problem >&2
      head -c 200000 /dev/zero | tr '\0' x; echo; printf 'no end'
      """#
    let home = try AgentHome(["talk": AgentHome.shell(script)])
    let run = try home.start("talk", "the prompt")
    #expect(try home.end(run.id).state == .completed)
    let events = try home.events(run.id, [EventType.output]).map(\.payload)
    #expect(events[0]["text"] == "the prompt")
    #expect(events[1]["json"] == ["a": [1, "x"]])
    #expect(events[2]["text"] == "{broken")
    #expect(events[3]["text"] == "café \u{fffd}")
    #expect(events.contains { $0["text"] == "problem" && $0["source"] == "stderr" })
    #expect(events.compactMap { $0["text"]?.stringValue }.filter { $0.hasPrefix("xx") }.joined().count == 200_000)
    #expect(events.contains { $0["text"] == "no end" })
    #expect(try home.isUnbroken(run.id))
  }

  @Test func `a prompt of megabytes reaches the program, and no list of processes`() throws {
    let home = try AgentHome(["count": AgentHome.shell("wc -c; tr '\\0' ' ' </proc/$$/cmdline | wc -c")])
    let prompt = String(repeating: "0123456789abcdef", count: 400_000)
    let run = try home.start("count", prompt)
    try home.end(run.id)
    let output = try home.output(run.id)
    #expect(output.first == "6400001")
    #expect(try #require(output.last.flatMap { Int($0) }) < 200)
  }

  @Test func `a program that does not read its prompt is none the worse`() throws {
    let home = try AgentHome(["deaf": AgentHome.shell("exec <&-; echo done")])
    let run = try home.start("deaf", String(repeating: "x", count: 3_000_000))
    #expect(try home.end(run.id).state == .completed)
    #expect(try home.output(run.id) == ["done"])
  }

  @Test func `what is to be kept secret reaches the program, and no output`() throws {
    let home = try AgentHome(["tell": AgentHome.shell("echo ${#TOKEN}; echo \"token $TOKEN\"; env | grep -c BERTH_RUN")]
    )
    _ = try home.client.request(AgentConfigure.self, .init(agent: "tell", secrets: ["TOKEN": "very-secret-value"]))
    let run = try home.start("tell")
    try home.end(run.id)
    #expect(try home.output(run.id) == ["17", "token ***", "1"])
    let everything = try home.server.folder.shell(
      "cat home/berth.sqlite* home/config.json home/logs/* 2>/dev/null | strings")
    #expect(!everything.contains("very-secret-value"))
  }

  @Test func `follow-ups are turns of the same run`() throws {
    let home = try AgentHome(["echo": AgentHome.shell("cat; sleep 0.3")])
    let run = try home.start("echo", "one")
    for prompt in ["two", "three"] {
      _ = try home.client.request(
        AgentRunSend.self, .init(run: run.id, prompt: [ContentBlock(type: .text, text: prompt)]))
    }
    try home.end(run.id)
    #expect(try home.output(run.id) == ["one", "two", "three"])
    let said = try home.events(run.id, [EventType.message]).map { $0.payload["content"]?.arrayValue?.first?["text"] }
    #expect(said == ["one", "two", "three"])
  }

  // MARK: Ends

  @Test func `cancelling leaves nothing of the tree, however it hides`() throws {
    let home = try AgentHome([
      "hide": AgentHome.shell("trap '' TERM; (setsid sleep 300 &) ; nohup sleep 300 & echo up; sleep 300")
    ])
    let run = try home.start("hide")
    try home.until(run.id) { _ in try home.output(run.id) == ["up"] }
    let cancelled = try home.client.request(AgentRunCancel.self, .init(run: run.id, graceSeconds: 0.5))
    #expect(cancelled.state == .cancelled)
    #expect(home.processes().isEmpty)
  }

  @Test func `a deadline ends all of it`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("trap '' TERM; sleep 300 & sleep 300")])
    let run = try home.start("slow", deadlineSeconds: 0.3)
    let ended = try home.end(run.id)
    #expect(ended.state == .failed)
    #expect(ended.error?.type == .deadlineExceeded)
    #expect(home.processes().isEmpty)
  }

  @Test func `what a program leaves behind ends with it`() throws {
    let home = try AgentHome(["leave": AgentHome.shell("(setsid sleep 300 &); echo done")])
    let run = try home.start("leave")
    #expect(try home.end(run.id).state == .completed)
    #expect(home.processes().isEmpty)
  }

  @Test func `a client that goes away at once leaves the run as it is`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("sleep 0.5; echo done")])
    let id: String
    do {
      let passing = try home.server.connect()
      id = try passing.request(
        AgentRunStart.self,
        .init(prompt: [ContentBlock(type: .text, text: "x")], workspace: home.workspace, attach: true)
      ).run.id
    }
    #expect(try home.end(id).state == .completed)
    #expect(try home.output(id) == ["done"])
  }

  @Test func `deleting a session ends its runs and forgets their events`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("echo up; sleep 300")])
    let run = try home.start("slow")
    try home.until(run.id, .running)
    _ = try home.client.request(AgentSessionDelete.self, .init(session: run.session))
    #expect(home.processes().isEmpty)
    let streams = try home.client.request(StreamList.self, .init(prefix: "run/")).streams
    #expect(streams.isEmpty)
  }

  @Test func `deleting the workspace ends its runs`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("echo up; sleep 300")])
    let run = try home.start("slow")
    try home.until(run.id, .running)
    _ = try home.client.request(WorkspaceDelete.self, .init(workspace: home.workspace))
    #expect(try home.run(run.id).state == .cancelled)
  }
}
