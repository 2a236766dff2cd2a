import Glibc
import Platform
import SSH
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: RealServer.isPossible)) struct SessionsTests {
  let server: RealServer

  init() async throws {
    server = try await RealServer.start()
  }

  @Test func aSessionIsSharedByItsKey() async throws {
    let sessions = SSHSessions()
    let connects = Counter()
    let server = server
    let found = try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
      for _ in 0..<20 {
        group.addTask {
          ObjectIdentifier(
            try await sessions.session("a") {
              connects.add()
              return try await server.connect()
            })
        }
      }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(found.count == 1)
    #expect(connects.count == 1)
    let other = try await sessions.session("b") { try await server.connect() }
    #expect(!found.contains(ObjectIdentifier(other)))
    #expect(sessions.count == 2)
    sessions.closeAll()
    #expect(!other.isOpen)
    await #expect(throws: SSHError.self) { _ = try await sessions.session("a") { try await server.connect() } }
  }

  @Test func aDeadSessionIsReplaced() async throws {
    let sessions = SSHSessions()
    let server = server
    let first = try await sessions.session("a") { try await server.connect() }
    server.signalSessions(SIGKILL)
    #expect(await eventually { !first.isOpen })
    let second = try await sessions.session("a") { try await server.connect() }
    #expect(second !== first)
    #expect(try await second.run("true").exit == .status(0))
    sessions.drop("a")
    #expect(!second.isOpen)
    #expect(sessions.count == 0)
  }

  @Test func aFailureIsToldToAllWhoWaitAndForgotten() async throws {
    let sessions = SSHSessions()
    let server = server
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<5 {
        group.addTask {
          await #expect(throws: SSHError.self) {
            _ = try await sessions.session("a") { throw SSHError(.unreachable, "not there") }
          }
        }
      }
    }
    #expect(try await sessions.session("a") { try await server.connect() }.isOpen)
  }

  @Test func connectingGoesOnForAsLongAsSomebodyWaits() async throws {
    let sessions = SSHSessions()
    let wasCancelled = Counter()
    let begun = Counter()
    let connect: @Sendable () async throws -> SSHSession = {
      begun.add()
      do {
        try await Task.sleep(for: .seconds(60))
      } catch {
        wasCancelled.add()
        throw error
      }
      throw SSHError(.closed, "slept")
    }
    let first = Task { try await sessions.session("a", connect: connect) }
    #expect(await eventually { begun.count == 1 })
    let second = Task { try await sessions.session("a", connect: connect) }
    #expect(await eventually { sessions.waiting == 2 })
    first.cancel()
    await #expect(throws: CancellationError.self) { _ = try await first.value }
    #expect(sessions.count == 1)
    second.cancel()
    await #expect(throws: CancellationError.self) { _ = try await second.value }
    #expect(await eventually { wasCancelled.count == 1 })
    #expect(sessions.count == 0)
  }

  @Test func whatIsIdleIsClosedAndWhatIsUsedIsNot() async throws {
    let sessions = SSHSessions(idleSeconds: 0.3)
    let server = server
    let idle = try await sessions.session("idle") { try await server.connect() }
    let used = try await sessions.session("used") { try await server.connect() }
    let channel = try await used.open("cat")
    #expect(await eventually { !idle.isOpen })
    #expect(sessions.count == 1)
    #expect(used.isOpen)
    try await channel.endInput()
    #expect(try await channel.exit() == .status(0))
    withExtendedLifetime(channel) {}
  }

  @Test func nothingIsLeftBehind() async throws {
    let server = server
    _ = try await server.connect().run("true")
    for _ in 0..<5 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<10 {
          group.addTask {
            let session = try await server.connect()
            let channel = try await session.open("cat")
            try await channel.write([1, 2, 3])
            if number % 2 == 0 { session.close() }
          }
        }
        try await group.waitForAll()
      }
    }
    #expect(await eventually { server.sessions.isEmpty })
  }
}

/// Counts, from any task.
private final class Counter: Sendable {
  private let value = Mutex(0)

  var count: Int { value.withLock { $0 } }

  func add() { value.withLock { $0 += 1 } }
}
