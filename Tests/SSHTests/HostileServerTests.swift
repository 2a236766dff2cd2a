import Glibc
import Platform
import SSH
import TestSupport
import Testing

/// Servers and lines that hang, break or talk nonsense.
@Suite(.serialized, .enabled(if: RealServer.isPossible)) struct HostileServerTests {
  static let limits = SSHLimits(connectSeconds: 1, authSeconds: 1, keepAliveSeconds: 0.3, keepAliveMisses: 3)

  func connect(to port: Int, _ server: RealServer? = nil, host: String = "127.0.0.1") async throws -> SSHSession {
    let folder = try TemporaryFolder()
    return try await SSHSession.connect(
      to: SSHTarget(
        endpoint: SSHEndpoint(host: host, port: port, user: "root"), credentials: [server?.key ?? .password("x")],
        hostKeyPolicy: .tofu),
      knownHosts: KnownHosts(own: "\(folder.path)/known"), limits: Self.limits)
  }

  func failure(at port: Int, _ server: RealServer? = nil, host: String = "127.0.0.1") async throws -> SSHError {
    var found: SSHError?
    let time = await seconds { found = await error { _ = try await connect(to: port, server, host: host) } }
    #expect(time < 60, "it took \(time) s")
    return try #require(found)
  }

  @Test func aServerThatSaysNothingIsGivenUp() async throws {
    let server = try ScriptedServer { _ in }
    #expect(try await failure(at: server.port).code == .connectTimeout)
  }

  @Test func aServerThatOnlyIntroducesItselfIsGivenUp() async throws {
    let server = try ScriptedServer { say("SSH-2.0-mute\r\n", to: $0) }
    #expect(try await failure(at: server.port).code == .connectTimeout)
  }

  @Test func aServerThatNeverStopsIntroducingItselfIsGivenUp() async throws {
    let lines = try ScriptedServer { while say("This is not SSH, but it goes on\r\n", to: $0) {} }
    #expect(try await failure(at: lines.port).code == .connectTimeout)
    let long = try ScriptedServer { while say(String(repeating: "x", count: 1000), to: $0) {} }
    #expect([.connectTimeout, .protocolFailed].contains(try await failure(at: long.port).code))
    let slow = try ScriptedServer {
      for _ in 0..<200 {
        guard say("S", to: $0) else { return }
        usleep(100_000)
      }
    }
    #expect([.connectTimeout, .protocolFailed].contains(try await failure(at: slow.port).code))
  }

  @Test(arguments: [
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "SSH-1.5-old\r\n",
    "SSH-2.0-x\r\n\u{0}\u{0}\u{0}\u{0}\u{0}",
    "SSH-2.0-x\r\n\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}",
    "SSH-2.0-x\r\n\u{0}\u{0}\u{0}\u{c}\u{4}\u{14}abcdefghijkl", "",
  ]) func aServerThatTalksNonsenseIsRefused(_ words: String) async throws {
    let server = try ScriptedServer {
      say(words, to: $0)
      $0.withDescriptor { _ = shutdown($0, Int32(SHUT_WR)) }
    }
    let found = try await failure(at: server.port)
    #expect(found.code == .protocolFailed, "\(found)")
    #expect(found.port == server.port)
  }

  @Test(arguments: [0, 10, 41, 200, 1000, 1200, 1300, 1400, 1500]) func aLineThatStallsOrBreaksIsGivenUp(
    _ count: Int
  ) async throws {
    let server = try await RealServer.start()
    let stalling = try Gate(to: server.port, .hold(after: count))
    let stalled = try await failure(at: stalling.port, server)
    #expect([.connectTimeout, .timeout].contains(stalled.code), "\(stalled)")
    let breaking = try Gate(to: server.port, .cut(after: count))
    let broken = try await failure(at: breaking.port, server)
    #expect([.protocolFailed, .authFailed, .closed].contains(broken.code), "\(broken)")
  }

  @Test func aServerThatFloodsInsteadOfAgreeingOnKeysIsGivenUp() async throws {
    // Packets of a kind that nobody has asked for, and of the kind that is to be ignored.
    for kind: UInt8 in [100, 2] {
      let packet = [0, 0, 0x7f, 0xfc, 4, kind] + [UInt8](repeating: 0, count: 0x7ffa)
      let server = try ScriptedServer { socket in
        say("SSH-2.0-flood\r\n", to: socket)
        while socket.withDescriptor({ send($0, packet, packet.count, Int32(MSG_NOSIGNAL)) }) == packet.count {}
      }
      #expect([.connectTimeout, .protocolFailed].contains(try await failure(at: server.port).code))
    }
  }

  @Test func nobodyListening() async throws {
    let found = try await failure(at: try RealServer.freePort())
    #expect(found.code == .connectRefused)
    #expect(found.message.contains("Check the port"))
  }

  @Test func namesThatLeadNowhereAreTold() async throws {
    #expect(try await failure(at: 22, host: "no-such-host.invalid").code == .dnsFailed)
    #expect(try await failure(at: 22, host: "").code == .dnsFailed)
    #expect(try await failure(at: 70000).code == .unreachable)
  }

  @Test func anAddressThatDoesNotAnswerIsGivenUp() async throws {
    // A listener whose queue is full does not answer to more.
    let listener = try ListeningSocket()
    listener.withDescriptor { _ = listen($0, 0) }
    var held: [OwnedDescriptor] = []
    for _ in 0..<4 {
      let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      held.append(OwnedDescriptor(adopting: number))
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(listener.port).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    #expect(try await failure(at: listener.port).code == .connectTimeout)
    withExtendedLifetime(held) {}
  }

  @Test func anotherAddressIsTriedWhereOneRefuses() async throws {
    // `localhost` is ::1 and 127.0.0.1 on most machines; sshd listens on the second one.
    let server = try await RealServer.start()
    let session = try await connect(to: server.port, server, host: "localhost")
    #expect(session.isOpen)
  }

  @Test func aSessionWhoseServerHangsIsGivenUp() async throws {
    let server = try await RealServer.start()
    let session = try await connect(to: server.port, server)
    let channel = try await session.open("sleep 300")
    server.signalSessions(SIGSTOP)
    let time = try await seconds {
      let found = try #require(await error { _ = try await withDeadline { try await channel.read() } })
      #expect(found.code == .timeout)
      #expect(found.message.contains("no sign of life"))
    }
    #expect(time < 60)
    #expect(!session.isOpen)
    server.signalSessions(SIGCONT)
  }

  @Test func aChannelThatIsNeverOpenedIsGivenUp() async throws {
    let server = try await RealServer.start()
    let folder = try TemporaryFolder()
    let session = try await SSHSession.connect(
      to: server.target(), knownHosts: KnownHosts(own: "\(folder.path)/known"),
      limits: SSHLimits(connectSeconds: 1, keepAliveSeconds: 0))
    server.signalSessions(SIGSTOP)
    let time = try await seconds {
      let found = try #require(await error { _ = try await withDeadline { try await session.open("true") } })
      #expect(found.code == .timeout)
    }
    #expect(time < 60)
    server.signalSessions(SIGCONT)
  }

  @Test func cancellingWhileAServerHangsIsPrompt() async throws {
    let mute = try ScriptedServer { _ in }
    let connecting = Task {
      try await SSHSession.connect(
        to: SSHTarget(endpoint: SSHEndpoint(host: "127.0.0.1", port: mute.port, user: "root"), credentials: []),
        knownHosts: KnownHosts(own: "/nonexistent/known"))
    }
    #expect(await eventually { mute.count == 1 })
    let time = await seconds {
      connecting.cancel()
      await #expect(throws: CancellationError.self) { _ = try await connecting.value }
    }
    #expect(time < 60)

    let server = try await RealServer.start()
    let session = try await server.connect()
    server.signalSessions(SIGSTOP)
    let opening = Task { try await session.open("true") }
    await Task.yield()
    opening.cancel()
    await #expect(throws: CancellationError.self) { _ = try await withDeadline { try await opening.value } }
    server.signalSessions(SIGCONT)
    #expect(try await session.run("true").exit == .status(0))
  }

  @Test func aLineThatIsCutInTheMiddleOfOutputIsTold() async throws {
    let server = try await RealServer.start()
    let gate = try Gate(to: server.port)
    let session = try await connect(to: gate.port, server)
    let channel = try await session.open("yes")
    for _ in 0..<20 { _ = try await channel.read() }
    gate.cut()
    let failure = await error { while try await channel.read() != nil {} }
    let found = try #require(failure)
    #expect(found.code == .closed)
    #expect(found.message.contains("was lost"))
  }

  @Test func aCommandThatIsSilentForTooLongIsEnded() async throws {
    let server = try await RealServer.start()
    let session = try await server.connect(limits: SSHLimits(silenceSeconds: 4))
    let channel = try await session.open("echo 1; echo 2; sleep 0.5; echo 3; sleep 60")
    var seen = ""
    let failure = await error {
      while let piece = try await withDeadline("output", { try await channel.read() }) { seen += text(piece.bytes) }
    }
    let found = try #require(failure)
    #expect(seen == "1\n2\n3\n")
    #expect(found.code == .timeout)
    #expect(found.message.contains("has written nothing"))
    #expect(try await session.run("echo on").exit == .status(0))
  }

  @Test func aQuietSessionIsKeptAlive() async throws {
    let server = try await RealServer.start(settings: ["ClientAliveInterval 1", "ClientAliveCountMax 1"])
    let idle = try await connect(to: server.port, server)
    let busy = try await connect(to: server.port, server)
    let channel = try await busy.open("sleep 4; echo woke")
    #expect(text(try await readAll(channel).output) == "woke\n")
    #expect(try await idle.run("true").exit == .status(0))
    #expect(idle.isOpen)
  }

  @Test func aServerThatEndsAnIdleSessionIsNoticed() async throws {
    let server = try await RealServer.start()
    let session = try await connect(to: server.port, server)
    server.signalSessions(SIGKILL)
    #expect(await eventually { !session.isOpen })
  }
}
