import Glibc
import Platform
import SSH
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: RealServer.isPossible)) struct JumpTests {
  @Test func aServerIsReachedThroughOthers() async throws {
    let servers = [try await RealServer.start(), try await RealServer.start(), try await RealServer.start()]
    let target = servers[2].target(jumps: [servers[0].target(), servers[1].target()])
    let session = try await SSHSession.connect(to: target, knownHosts: servers[2].knownHosts)
    #expect(try servers[2].folder.shell("ssh-keygen -lf host_ed25519.pub").contains(session.hostKey.fingerprint))
    let input = (0..<(6 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 8) }
    let result = try await session.run("cat; echo $SSH_CONNECTION >&2", input: input, limitBytes: 10 << 20)
    #expect(result.output == input)
    #expect(text(result.errorOutput).contains("\(servers[2].port)"))
    // Each one's key was checked and written down.
    #expect(try servers[2].folder.read("known_hosts")?.split(separator: "\n").count == 3)
    // A jump's own jumps come before it.
    let nested = servers[2].target(jumps: [servers[1].target(jumps: [servers[0].target()])])
    #expect(try await SSHSession.connect(to: nested, knownHosts: servers[2].knownHosts).isOpen)
  }

  @Test func whatIsWrongOnTheWayIsToldOfTheRightServer() async throws {
    let gate = try await RealServer.start()
    let closed = try RealServer.freePort()
    var target = gate.target(port: closed, jumps: [gate.target()])
    let refused = try #require(
      await error { _ = try await SSHSession.connect(to: target, knownHosts: gate.knownHosts) })
    #expect(refused.code == .unreachable)
    #expect(refused.port == closed)
    #expect(refused.message.contains("127.0.0.1:\(closed)"))
    target.jumps = [gate.target([.password("no")])]
    let locked = try #require(
      await error { _ = try await SSHSession.connect(to: target, knownHosts: gate.knownHosts) })
    #expect(locked.code == .authFailed)
    #expect(locked.port == gate.port)
    let forbidding = try await RealServer.start(settings: ["AllowTcpForwarding no"])
    let forbidden = try #require(
      await error {
        _ = try await SSHSession.connect(
          to: gate.target(jumps: [forbidding.target()]), knownHosts: gate.knownHosts)
      })
    #expect(forbidden.message.contains("prohibited"))
  }

  @Test func aServerBehindAJumpThatIsLostIsLost() async throws {
    let (gate, server) = (try await RealServer.start(), try await RealServer.start())
    let session = try await SSHSession.connect(
      to: server.target(jumps: [gate.target()]), knownHosts: server.knownHosts)
    let channel = try await session.open("sleep 300")
    #expect(!gate.sessions.isEmpty)
    gate.signalSessions(SIGKILL)
    let found = try #require(await error { _ = try await withDeadline { try await channel.read() } })
    #expect(found.code == .closed)
    #expect(found.port == server.port)
  }

  @Test func closingEndsTheJumpsToo() async throws {
    let (gate, server) = (try await RealServer.start(), try await RealServer.start())
    var session: SSHSession? = try await SSHSession.connect(
      to: server.target(jumps: [gate.target()]), knownHosts: server.knownHosts)
    #expect(session?.isOpen == true)
    #expect(!gate.sessions.isEmpty)
    session?.close()
    #expect(await eventually { server.sessions.isEmpty && gate.sessions.isEmpty })
    session = nil
  }

  @Test func aMuteServerBehindAJumpIsGivenUp() async throws {
    let gate = try await RealServer.start()
    let mute = try ScriptedServer { _ in }
    let time = try await seconds {
      let found = try #require(
        await error {
          _ = try await SSHSession.connect(
            to: gate.target(port: mute.port, jumps: [gate.target()]), knownHosts: gate.knownHosts,
            limits: SSHLimits(connectSeconds: 1))
        })
      #expect(found.code == .connectTimeout)
      #expect(found.port == mute.port)
    }
    #expect(time < 60)
    #expect(await eventually { gate.sessions.isEmpty })
  }
}
