import BerthProtocol
import Glibc
import Platform
import TestSupport
import Testing

@testable import Supervisor

@Suite(.timeLimit(.minutes(3))) struct SupervisedProcessTests {
  private static let quick = RestartPolicy(
    .always, initialBackoffSeconds: 0.02, maximumBackoffSeconds: 0.05, crashLoopFailures: 3, crashLoopSeconds: 600)

  @Test func `it runs, is restarted with another pid, and is stopped`() async throws {
    let home = try ProcessHome("sleep 1000 & exec sleep 1001")
    let process = try home.server()
    process.start(immediately: true)
    let first = try await process.state(.running)
    #expect(first.pid != nil && home.processes.contains(Int32(first.pid ?? 0)))
    process.restart()
    let second = try await process.state(.running) { $0.pid != first.pid }
    _ = try await eventually("two processes") { home.processes.count == 2 ? true : nil }
    #expect(second.restarts == 0, "\(home.observed)")
    process.stop()
    let end = try await process.state(.stopped)
    #expect(end.pid == nil && home.processes == [] && access(home.shim.path, F_OK) != 0)
    #expect(home.states.changes == [.starting, .running, .stopping, .starting, .running, .stopping, .stopped])
  }

  @Test func `what ends by itself is told with its exit code and its last lines`() async throws {
    let home = try ProcessHome("echo one; echo two >&2; exit 3", ProcessPlan(restart: RestartPolicy(.never)))
    let process = try home.server()
    process.start(immediately: true)
    let end = try await process.state(.failed)
    #expect(end.reason == .exited && end.lastExit?.code == 3 && end.message == "It ended with exit code 3.")
    #expect(end.lastExit?.lines.map(Set.init) == ["one", "two"] && !home.states.contains(.running))
    home.rewrite("exit 0")
    process.start(immediately: true)
    #expect(try await process.state(.exited).lastExit?.code == 0)
    home.rewrite("kill -ABRT $$")
    process.start(immediately: true)
    #expect(try await process.state(.failed).lastExit?.signal == "SIGABRT")
  }

  @Test func `it is started again and again, until it is a crash loop`() async throws {
    let home = try ProcessHome("echo x >> runs; exit 1", ProcessPlan(restart: Self.quick))
    let process = try home.server()
    process.start(immediately: true)
    let loop = try await process.state(.crashLoop)
    #expect(loop.restarts == 3 && loop.retrySeconds.map { $0 >= 540 } == true)
    #expect(try home.folder.read("runs") == "x\nx\nx\n")
    process.stop()
    #expect(try await process.state(.stopped).retrySeconds == nil)
  }

  @Test func `its first process may go while others live on`() async throws {
    let home = try ProcessHome("nohup sleep 1000 > /dev/null 2>&1 & exit 0")
    let process = try home.server()
    process.start(immediately: true)
    let seen = try await process.state(.running) { $0.pid == nil }
    #expect(seen.lastExit?.code == 0 && home.processes.count == 1)
    for process in home.processes { kill(process, SIGKILL) }
    let end = try await home.saw(.backoff)
    #expect(end.message == "All of its processes ended.")
    process.stop()
    try await process.state(.stopped)
  }

  @Test func `a stop command has the time and the environment of the tree`() async throws {
    var plan = ProcessPlan(stopGraceSeconds: 20)
    plan.stopCommand = "echo $MODE > stopped; kill -USR1 $(cat pid)"
    let home = try ProcessHome(
      "export MODE=loud; trap 'exit 5' USR1; trap '' TERM; echo $$ > pid; while :; do sleep 0.02; done", plan)
    let process = try home.server()
    process.start(immediately: true)
    try await process.state(.running)
    try await home.sign("pid")
    process.stop()
    #expect(try await process.state(.stopped).lastExit?.code == 5)
    // What the tree sets for itself is its own.
    #expect(try home.folder.read("stopped") == "\n")
  }

  @Test func `a preparation is told of, cancelled by a stop, and its failure is the process's`() async throws {
    let home = try ProcessHome("wait")
    let process = try home.server()
    process.start(immediately: true)
    #expect(try await process.state(.waiting).reason == .dependency)
    process.stop()
    try await process.state(.stopped)
    home.rewrite("")
    process.start(immediately: true)
    let failed = try await process.state(.failed)
    #expect(failed.reason == .manifestInvalid && failed.message == "There is nothing to run.")
    #expect(home.processes == [])
  }

  @Test func `a hundred starts and a stop leave nothing, in whatever order they fall`() async throws {
    let home = try ProcessHome("exec sleep 1000", ProcessPlan(restart: Self.quick))
    let process = try home.server()
    for round in 0..<20 {
      for _ in 0..<5 { process.start(immediately: round % 2 == 0) }
      if round % 3 == 0 { process.restart() }
      await process.synchronize()
      process.stop()
    }
    await process.synchronize()
    try await process.state(.stopped)
    try await home.end()
    #expect(process.observed.state == .stopped)
  }

  @Test func `a shim that is killed takes its tree with it, and the process is started again`() async throws {
    let home = try ProcessHome("sleep 1000 & (setsid sleep 1001 &); exec sleep 1002", ProcessPlan(restart: Self.quick))
    let process = try home.server()
    process.start(immediately: true)
    let first = try await process.state(.running)
    let old = try await eventually("three processes") { home.processes.count == 3 ? home.processes : nil }
    kill(try ShimControl(folder: home.shim.path).hello().shim, SIGKILL)
    let second = try await process.state(.running) { $0.pid != first.pid }
    #expect(second.restarts == 1 && home.observed.contains { $0.reason == .lost })
    #expect(Set(old).isDisjoint(with: home.processes))
  }
}

extension [AppState] {
  /// Each state once for as long as it lasts.
  fileprivate var changes: [AppState] { enumerated().filter { $0 == 0 || self[$0 - 1] != $1 }.map(\.element) }
}
