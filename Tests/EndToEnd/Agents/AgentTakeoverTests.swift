import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// The server may be killed at any moment of a run.
@Suite struct AgentTakeoverTests {
  @Test func `a run goes on without a server, with nothing lost or twice`() throws {
    let home = try AgentHome(["count": AgentHome.shell("for i in $(seq 1 3000); do echo $i; done; cat; exit 3")])
    for _ in 0..<10 {
      let run = try home.start("count", "the prompt")
      let count = Int.random(in: 0..<40)
      try home.until(run.id) { _ in try home.events(run.id).count > count }
      try home.crash()
      let ended = try home.end(run.id)
      #expect(ended.exit?.code == 3)
      #expect(try home.output(run.id) == (1...3000).map { "\($0)" } + ["the prompt"])
      #expect(try home.isUnbroken(run.id))
    }
  }

  @Test func `killed again and again, a run tells every line once`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("for i in $(seq 1 200); do echo $i; sleep 0.01; done")])
    let run = try home.start("slow")
    for _ in 0..<8 { try home.crash() }
    #expect(try home.end(run.id).state == .completed)
    #expect(try home.output(run.id) == (1...200).map { "\($0)" })
    #expect(try home.isUnbroken(run.id))
  }

  @Test func `a run that ended meanwhile is told as it ended`() throws {
    let home = try AgentHome([
      "late": AgentHome.shell("echo up; while [ ! -e go ]; do sleep 0.02; done; echo down; exit 7")
    ])
    let run = try home.start("late")
    try home.until(run.id) { _ in try home.output(run.id) == ["up"] }
    try home.crash {
      try home.server.folder.write("ws/go", "")
      // Its shim ends when nothing of it is left.
      #expect(waits { home.processes().isEmpty })
    }
    let ended = try home.end(run.id)
    #expect(ended.exit?.code == 7)
    #expect(ended.exit?.lines == ["up", "down"])
  }

  @Test func `one whose shim was killed too is interrupted, and its session goes on`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("echo up; sleep 300")])
    let run = try home.start("slow")
    try home.until(run.id) { _ in try home.output(run.id) == ["up"] }
    try home.crash { for process in home.processes() { kill(process, SIGKILL) } }
    #expect(try home.end(run.id).state == .interrupted)
    #expect(try home.output(run.id) == ["up"])
    #expect(home.processes().isEmpty)
    let next = try home.start("slow", session: run.session)
    try home.until(next.id, .running)
    _ = try home.client.request(AgentRunCancel.self, .init(run: next.id, graceSeconds: 0))
  }

  @Test func `those that wait go on waiting, in their order`() throws {
    let home = try AgentHome(
      ["mark": AgentHome.shell("read n; echo $n >>log; [ $n != first ] || sleep 1")], runs: ["maxRunning": 1])
    let first = try home.start("mark", "first")
    try home.until(first.id, .running)
    let rest = try [home.start("mark", "low", priority: -1), home.start("mark", "middle"), home.start("mark", "last")]
    try home.crash()
    for run in rest { #expect(try home.end(run.id).state == .completed) }
    #expect(try home.server.folder.read("ws/log") == "first\nmiddle\nlast\nlow\n")
  }

  @Test func `a cancel that the server did not live to finish is finished`() throws {
    let home = try AgentHome([
      "stubborn": AgentHome.shell("trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done")
    ])
    let run = try home.start("stubborn")
    try home.until(run.id) { _ in try home.output(run.id) == ["up"] }
    _ = try home.client.begin(
      AgentRunCancel.description.name, params: AgentRunCancel.Params(run: run.id, graceSeconds: 600))
    try home.until(run.id) { _ in try home.output(run.id).contains("asked") }
    try home.crash()
    #expect(try home.end(run.id).state == .cancelled)
    #expect(home.processes().isEmpty)
  }

  @Test func `a deadline holds over the server's death`() throws {
    let home = try AgentHome(["slow": AgentHome.shell("sleep 300")])
    let run = try home.start("slow", deadlineSeconds: 2)
    try home.until(run.id, .running)
    try home.crash()
    #expect(try home.end(run.id).error?.type == .deadlineExceeded)
  }

  @Test func `a repetition after the server's death begins nothing`() throws {
    let home = try AgentHome(["echo": AgentHome.shell("cat >>log")])
    let run = try home.start("echo", "once", key: "k")
    try home.crash()
    #expect(try home.start("echo", "once", key: "k").id == run.id)
    try home.end(run.id)
    #expect(try home.server.folder.read("ws/log") == "once\n")
  }
}
