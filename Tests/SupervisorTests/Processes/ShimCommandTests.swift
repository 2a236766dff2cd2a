import BerthProtocol
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Supervisor

@Suite(.timeLimit(.minutes(3))) struct ShimCommandTests {
  private let home: ProcessHome

  init() throws { home = try ProcessHome("") }

  private func run(
    _ command: String, seconds: Double = 30, secrets: [String] = [],
    onOutput: (@Sendable (AppOutput) -> Void)? = nil
  ) async throws -> ShimCommand.Ending {
    try await ShimCommand(home.id, supervision: home.supervision()).run(
      command, environment: home.environment, directory: home.folder.path, secrets: secrets, timeoutSeconds: seconds,
      onOutput: onOutput)
  }

  private var hasNothingLeft: Bool {
    home.processes.isEmpty && (try? fileNames(in: home.folder.path + "/shims")) == []
  }

  @Test func `its end is told`() async throws {
    #expect(try await run("exit 0") == .exited(.code(0)))
    #expect(try await run("exit 3") == .exited(.code(3)))
    #expect(try await run("kill -KILL $$") == .exited(.signal(9)))
    #expect(try await run("no-such-program") == .exited(.code(127)))
    #expect(hasNothingLeft)
  }

  @Test func `its lines come as they are written, each once, with secrets masked`() async throws {
    let lines = Mutex<[AppOutput]>([])
    let path = home.folder.path
    let ending = try await run(
      "echo first; until test -e go; do sleep 0.02; done; echo my-secret >&2; printf last", secrets: ["my-secret"]
    ) { line in
      lines.withLock { $0.append(line) }
      // It goes on when its first line has come.
      close(open(path + "/go", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
    }
    #expect(ending == .exited(.code(0)))
    let all = lines.withLock { $0 }
    #expect(all.filter { $0.source == .stdout }.map(\.text) == ["first", "last"])
    #expect(all.filter { $0.source == .stderr }.map(\.text) == ["***"])
  }

  @Test func `what takes too long is ended whole`() async throws {
    let ending = try await run(
      "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 1000' &); while :; do sleep 0.05; done", seconds: 0.3)
    #expect(ending == .timedOut && hasNothingLeft)
  }

  @Test func `what is cancelled is ended whole before the call returns`() async throws {
    let task = Task { try await run("(setsid sleep 1000 &); touch began; sleep 1001") }
    try await home.sign("began")
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(hasNothingLeft)
  }

  @Test func `what it leaves in the background is ended with it`() async throws {
    #expect(try await run("sleep 1000 & (setsid sleep 1001 > /dev/null 2>&1 &); exit 4") == .exited(.code(4)))
    #expect(hasNothingLeft)
  }

  @Test func `one whose shim is killed fails, and leaves nothing`() async throws {
    let task = Task { try await run("(setsid sleep 1000 &); touch began; sleep 1001") }
    try await home.sign("began")
    kill(try ShimControl(folder: home.shim.path).hello().shim, SIGKILL)
    await #expect(throws: ShimError.self) { try await task.value(within: 30) }
    #expect(hasNothingLeft)
  }

  @Test func `one that can't be started says so, and leaves nothing`() async throws {
    await #expect(throws: ShimError.self) {
      try await ShimCommand(home.id, supervision: home.supervision()).run(
        "true", environment: [], directory: "/no/such/folder", timeoutSeconds: 10)
    }
    #expect(hasNothingLeft)
  }
}
