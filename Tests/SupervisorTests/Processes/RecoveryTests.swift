import BerthProtocol
import Glibc
import Platform
import TestSupport
import Testing

@testable import Supervisor

/// A second server takes over what the first has left.
@Suite(.timeLimit(.minutes(3))) struct RecoveryTests {
  /// Lets a first server start it, and go.
  private func start(_ home: ProcessHome) async throws -> ObservedProcess {
    let process = try home.server()
    process.start(immediately: true)
    return try await process.state(.running)
  }

  @Test func `what is alive goes on with the same pid`() async throws {
    let home = try ProcessHome("exec sleep 1000")
    let before = try await start(home)
    let process = try home.server(last: before)
    process.recover(home.legacy())
    let now = try await process.state(.running) { $0.reason == .adopted }
    #expect(now.pid == before.pid && home.processes.map(Int.init) == [before.pid])
    for process in home.processes { kill(process, SIGKILL) }
    #expect(try await home.saw(.backoff).lastExit?.signal == "SIGKILL")
    process.stop()
    try await process.state(.stopped)
  }

  @Test func `daemons whose shell has gone are taken over too`() async throws {
    let home = try ProcessHome("nohup sleep 1000 > /dev/null 2>&1 & exit 0")
    let before = try await start(home)
    _ = try await eventually("the shell's end") { try ShimControl(folder: home.shim.path).status().record.mainExit }
    let process = try home.server(last: before)
    process.recover(home.legacy())
    let now = try await process.state(.running) { $0.reason == .adopted && $0.lastExit != nil }
    #expect(now.pid == nil && now.lastExit?.code == 0)
    process.stop()
    try await process.state(.stopped)
    #expect(home.processes == [])
  }

  @Test func `what ended meanwhile is told with how, and tried again where it is wanted`() async throws {
    let home = try ProcessHome("until test -e go; do sleep 0.02; done; test -e again && exec sleep 1000; exit 7")
    let before = try await start(home)
    try home.folder.write("go", "")
    _ = try await eventually("its end") { try home.shim.exit() }
    try home.folder.write("again", "")
    let process = try home.server(last: before)
    process.recover(home.legacy())
    #expect(try await home.saw(.backoff).lastExit?.code == 7)
    let now = try await process.state(.running)
    #expect(now.pid != before.pid && now.restarts == 1 && home.processes.count == 1)
  }

  @Test func `what ended meanwhile and is not wanted stays stopped`() async throws {
    let home = try ProcessHome("until test -e go; do sleep 0.02; done; exit 7")
    let before = try await start(home)
    try home.folder.write("go", "")
    _ = try await eventually("its end") { try home.shim.exit() }
    let process = try home.server(last: before)
    process.recover(home.legacy(isWanted: false))
    #expect(try await process.state(.stopped).lastExit?.code == 7)
    #expect(home.processes == [] && access(home.shim.path, F_OK) != 0)
  }

  @Test func `what is alive and not wanted any more is stopped`() async throws {
    let home = try ProcessHome("sleep 1000 & exec sleep 1001")
    let before = try await start(home)
    let process = try home.server(last: before)
    process.recover(home.legacy(isWanted: false))
    try await process.state(.stopped)
    #expect(home.processes == [])
  }

  @Test(arguments: [true, false]) func `of what has lost its shim, nothing is left running`(
    _ isWanted: Bool
  ) async throws {
    let home = try ProcessHome("sleep 1000 & (setsid sleep 1001 &); exec sleep 1002")
    let before = try await start(home)
    let old = try await eventually("three processes") { home.processes.count == 3 ? home.processes : nil }
    kill(try ShimControl(folder: home.shim.path).hello().shim, SIGKILL)
    _ = try await eventually("the shim's end") {
      if case .lost = try home.shim.state(id: home.id) { true } else { nil }
    }
    #expect(Set(home.processes) == Set(old))
    let process = try home.server(last: before)
    process.recover(home.legacy(isWanted: isWanted))
    if isWanted {
      try await process.state(.running) { $0.pid != before.pid }
      _ = try await eventually("three processes") { home.processes.count == 3 ? true : nil }
    } else {
      try await process.state(.stopped)
      #expect(home.processes == [])
    }
    #expect(Set(old).isDisjoint(with: home.processes))
  }

  @Test func `after a new start of the machine, what is wanted begins again`() async throws {
    // What such a start leaves: a folder whose processes have gone, with another boot's id.
    let home = try ProcessHome("exec sleep 1000")
    let before = try await start(home)
    let status = try #require(try home.folder.read("shims/\(home.id)/status"))
    let shim = try ShimControl(folder: home.shim.path).hello().shim
    kill(shim, SIGKILL)
    for process in home.processes { kill(process, SIGKILL) }
    _ = try await eventually("the end of all") { home.processes.isEmpty ? true : nil }
    // The number of its first process has been given to somebody else, who is not to be harmed.
    let lines = status.split(separator: "\n").map { line in
      if line.hasPrefix("boot=") { return "boot=another" }
      return line.hasPrefix("main=") ? "main=\(getpid())" : String(line)
    }
    try home.folder.write("shims/\(home.id)/status", lines.joined(separator: "\n") + "\n")
    let process = try home.server(last: before)
    process.recover(home.legacy(wasRebooted: true))
    let now = try await process.state(.running) { $0.pid != before.pid }
    #expect(home.processes.map(Int.init) == [now.pid])
  }

  @Test(arguments: [AppState.exited, .failed])
  func `what had come to its end is left there, unless the machine was started anew`(
    _ state: AppState
  ) async throws {
    var last = ObservedProcess()
    last.state = state
    let home = try ProcessHome("exec sleep 1000")
    let process = try home.server(last: last)
    process.recover(home.legacy())
    await process.synchronize()
    #expect(process.observed.state == state && home.processes == [])
    let after = try home.server(last: last)
    after.recover(home.legacy(wasRebooted: true))
    try await after.state(.running)
  }

  @Test func `what is not wanted is not started, whatever was seen last`() async throws {
    let home = try ProcessHome("exec sleep 1000")
    for state in [AppState.running, .starting, .backoff, .stopping, .stopFailed] {
      var last = ObservedProcess()
      last.state = state
      let process = try home.server(last: last)
      process.recover(home.legacy(isWanted: false, wasRebooted: state == .running))
      try await process.state(.stopped)
    }
    #expect(home.processes == [])
  }
}
