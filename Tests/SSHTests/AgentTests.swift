import Glibc
import Platform
import SSH
import TestSupport
import Testing

/// An ssh-agent of a test's own.
final class RealAgent: Sendable {
  let path: String
  private let process: ChildProcess

  static let isPossible = Machine.has("ssh-agent") && Machine.has("ssh-add")

  init(in folder: TemporaryFolder) throws {
    let path = "\(folder.path)/agent"
    self.path = path
    process = try ChildProcess(
      "/usr/bin/ssh-agent", ["-D", "-a", path], input: .null(), output: .null(), error: .null())
    guard waits(seconds: 20, { UnixSocket.isAlive(path) }) else {
      throw ShellFailure(description: "ssh-agent does not start")
    }
  }

  deinit {
    process.send(SIGKILL)
    process.wait()
  }
}

@Suite(.serialized, .enabled(if: RealServer.isPossible && RealAgent.isPossible)) struct AgentTests {
  let server: RealServer

  init() async throws {
    server = try await RealServer.start()
  }

  func connect(_ credentials: [SSHCredential], limits: SSHLimits = SSHLimits()) async throws -> SSHSession {
    try await SSHSession.connect(to: server.target(credentials), knownHosts: server.knownHosts, limits: limits)
  }

  @Test(arguments: ["ed25519", "ecdsa"]) func aKeyOfAnAgentLogsIn(_ type: String) async throws {
    let agent = try RealAgent(in: server.folder)
    try server.folder.shell(
      """
      ssh-keygen -q -t \(type) -N '' -f held; cat held.pub > authorized_keys; export SSH_AUTH_SOCK=\(agent.path)
      ssh-keygen -q -t rsa -b 2048 -N '' -f rsa; ssh-keygen -q -t ed25519 -N '' -f stranger
      ssh-add -q rsa stranger held
      """)
    let session = try await connect([.agent(socket: agent.path)])
    #expect(text(try await session.run("echo in").output) == "in\n")
  }

  @Test func anAgentWithoutTheRightKeyIsRefused() async throws {
    let agent = try RealAgent(in: server.folder)
    try server.folder.shell(
      "ssh-keygen -q -t ed25519 -N '' -C me@here -f stranger; SSH_AUTH_SOCK=\(agent.path) ssh-add -q stranger")
    let found = try #require(await error { _ = try await connect([.agent(socket: agent.path)]) })
    #expect(found.code == .authFailed)
    #expect(found.tried.count == 1)
    #expect(found.tried.first?.hasPrefix("agent key SHA256:") == true)
    #expect(found.tried.first?.contains("me@here") == true)
  }

  @Test func anAgentWithRSAKeysOnlySaysSo() async throws {
    let agent = try RealAgent(in: server.folder)
    try server.folder.shell(
      "ssh-keygen -q -t rsa -b 2048 -N '' -f rsa; SSH_AUTH_SOCK=\(agent.path) ssh-add -q rsa")
    let found = try #require(await error { _ = try await connect([.agent(socket: agent.path)]) })
    #expect(found.code == .authFailed)
    #expect(found.message.contains("None of the agent's keys can be used (ssh-rsa)"))
  }

  @Test func anAgentThatIsMissingOrEmptyIsTold() async throws {
    let missing = try #require(
      await error { _ = try await connect([.agent(socket: "\(server.folder.path)/nobody")]) })
    #expect(missing.code == .agentUnavailable)
    #expect(missing.message.contains("can't be reached"))
    let agent = try RealAgent(in: server.folder)
    let empty = try #require(await error { _ = try await connect([.agent(socket: agent.path)]) })
    #expect(empty.code == .agentUnavailable)
    #expect(empty.message.contains("ssh-add"))
    // It does not keep other credentials from being tried.
    #expect(try await connect([.agent(socket: agent.path), server.key]).isOpen)
  }

  @Test func anAgentThatHangsIsGivenUp() async throws {
    let path = "\(server.folder.path)/mute"
    let listener = try UnixSocket.listen(path)
    let time = try await seconds {
      let found = try #require(
        await error { _ = try await connect([.agent(socket: path)], limits: SSHLimits(authSeconds: 0.5)) })
      #expect(found.code == .agentUnavailable)
      #expect(found.message.contains("did not answer in time"))
    }
    #expect(time < 60)
    withExtendedLifetime(listener) {}
  }

  @Test func cancellingWhileAnAgentHangsIsPrompt() async throws {
    let path = "\(server.folder.path)/mute"
    let listener = try UnixSocket.listen(path)
    let task = Task { try await connect([.agent(socket: path)]) }
    let accepted = try await withCheckedThrowingContinuation { continuation in
      startDetached("accept") { continuation.resume(with: Result { try UnixSocket.accept(listener) }) }
    }
    let time = await seconds {
      task.cancel()
      await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
    #expect(time < 60)
    withExtendedLifetime((listener, accepted)) {}
  }

  @Test(arguments: [
    [0, 0, 0, 0] as [UInt8], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 1, 5], [0, 0, 0, 5, 12, 0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 9, 12, 0, 0, 0, 1, 0xff, 0, 0, 0], [],
  ]) func anAgentThatTalksNonsenseIsGivenUp(_ answer: [UInt8]) async throws {
    let path = "\(server.folder.path)/odd"
    let listener = try UnixSocket.listen(path)
    startDetached("odd-agent") {
      guard let client = try? UnixSocket.accept(listener) else { return }
      try? answer.withUnsafeBytes { try client.write($0) }
    }
    let found = try #require(await error { _ = try await connect([.agent(socket: path)]) })
    #expect(found.code == .agentUnavailable, "\(found)")
  }
}
