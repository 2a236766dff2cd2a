import Platform
import Synchronization
import Testing

struct WorkerPoolTests {
  /// A door that threads wait at.
  private final class Door: Sendable {
    private let opened = Signal()
    private let counts = Mutex((waiting: 0, passed: 0))

    var waiting: Int { counts.withLock { $0.waiting } }
    var passed: Int { counts.withLock { $0.passed } }

    func pass() {
      counts.withLock { $0.waiting += 1 }
      opened.wait()
      opened.set()
      counts.withLock { counts in
        counts.waiting -= 1
        counts.passed += 1
      }
    }

    func open() { opened.set() }
  }

  private func eventually(_ isSo: () -> Bool) async throws -> Bool {
    let deadline = Timestamp.monotonicNanoseconds() + 10_000_000_000
    while !isSo() {
      if Timestamp.monotonicNanoseconds() > deadline { return false }
      try await Task.sleep(for: .milliseconds(1))
    }
    return true
  }

  @Test func `jobs that block keep no other from being done`() async throws {
    let pool = WorkerPool(name: "pool-tests", usualThreads: 1, maximumThreads: 8)
    let door = Door()
    for _ in 0..<7 { Task(executorPreference: pool) { door.pass() } }
    #expect(try await eventually { door.waiting == 7 })
    #expect(await pool.complete { 3 } == 3)
    door.open()
    #expect(try await eventually { door.passed == 7 })
  }

  @Test func `where as many block as may, the others are done after them, again and again`() async throws {
    let pool = WorkerPool(name: "pool-tests", usualThreads: 2, maximumThreads: 4)
    for _ in 0..<3 {
      let door = Door()
      for _ in 0..<9 { Task(executorPreference: pool) { door.pass() } }
      #expect(try await eventually { door.waiting == 4 })
      door.open()
      #expect(try await eventually { door.passed == 9 })
    }
  }

  @Test func `jobs that say that they wait have as many others done beside them`() async throws {
    let pool = WorkerPool(name: "pool-tests", usualThreads: 1, maximumThreads: 8)
    let door = Door()
    for _ in 0..<9 { Task(executorPreference: pool) { pool.blocking { door.pass() } } }
    #expect(try await eventually { door.waiting == 8 })
    door.open()
    #expect(try await eventually { door.passed == 9 })
  }

  @Test func `what is completed ends though nobody waits for it any longer`() async throws {
    let pool = WorkerPool(name: "pool-tests", maximumThreads: 2)
    let door = Door()
    let waiting = Task {
      await pool.complete {
        door.pass()
        return Task.isCancelled
      }
    }
    #expect(try await eventually { door.waiting == 1 })
    waiting.cancel()
    door.open()
    #expect(await waiting.value == false)
  }
}
