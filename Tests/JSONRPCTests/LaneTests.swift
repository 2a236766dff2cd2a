import Platform
import Synchronization
import TestSupport
import Testing

@testable import JSONRPC

/// Requests that are carried out one after the other.
@Suite struct LaneTests {
  private let lane = Lane(pool: WorkerPool(name: "test", usualThreads: 2, maximumThreads: 4))
  private let log = Log()

  /// What happened, in order.
  private final class Log: Sendable {
    private let entries = Mutex<[String]>([])

    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
  }

  /// Work that waits until it is told to end, and tells when it has begun.
  private struct Held: Sendable {
    private let begun = AsyncStream.makeStream(of: Void.self)
    private let gate = AsyncStream.makeStream(of: Void.self)

    func work() async {
      begun.continuation.yield()
      for await _ in gate.stream { return }
    }

    func hasBegun() async throws {
      try await withDeadline { for await _ in begun.stream { return } }
    }

    func end() { gate.continuation.yield() }
  }

  /// How many were at work at once.
  private final class Company: Sendable {
    private let inside = Atomic(0)
    let most = Atomic(0)

    func work() async {
      most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
      await Task.yield()
      inside.wrappingSubtract(1, ordering: .relaxed)
    }
  }

  /// Enters the lane, and carries its work out when it is its turn.
  private func begin(_ serial: UInt64, _ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    lane.enter(serial)
    return Task(executorPreference: lane) { [lane, log] in
      guard await lane.turn(of: serial) == .mine else { return log.add("\(serial) withdrawn") }
      log.add("\(serial) begins")
      await work()
      log.add("\(serial) ends")
      lane.leave(serial)
    }
  }

  @Test func `work that waits keeps its place, and the others keep their order`() async throws {
    let held = Held()
    let tasks = [begin(1) { await held.work() }] + (2...50).map { begin($0) {} }
    try await held.hasBegun()
    held.end()
    try await withDeadline { for task in tasks { await task.value } }
    #expect(log.all == (1...50).flatMap { ["\($0) begins", "\($0) ends"] })
  }

  @Test func `what is withdrawn before its turn never begins, and the next one does`() async throws {
    let held = Held()
    let tasks = [begin(1) { await held.work() }, begin(2) {}, begin(3) {}]
    try await held.hasBegun()
    #expect(lane.withdraw(2))
    #expect(!lane.withdraw(2))
    #expect(!lane.withdraw(1))
    try await withDeadline { await tasks[1].value }
    #expect(log.all == ["1 begins", "2 withdrawn"])
    held.end()
    try await withDeadline { for task in tasks { await task.value } }
    #expect(log.all == ["1 begins", "2 withdrawn", "1 ends", "3 begins", "3 ends"])
    #expect(!lane.withdraw(3))
  }

  @Test func `whoever leaves early lets the next one begin`() async throws {
    let held = Held()
    let first = begin(1) { [lane] in
      lane.leave(1)
      await held.work()
    }
    let second = begin(2) {}
    try await withDeadline { await second.value }
    #expect(log.all == ["1 begins", "2 begins", "2 ends"])
    held.end()
    try await withDeadline { await first.value }
    #expect(log.all.last == "1 ends")
  }

  @Test func `many at once, entered from many threads, are each carried out once and alone`() async throws {
    let company = Company()
    try await withDeadline {
      await withTaskGroup { group in
        for serial in 0..<2000 {
          let task = begin(UInt64(serial)) { await company.work() }
          group.addTask { await task.value }
        }
      }
    }
    #expect(company.most.load(ordering: .relaxed) == 1)
    #expect(log.all.count == 4000)
  }
}
