import Platform
import Synchronization
import TestSupport
import Testing

@testable import JSONRPC

/// Calls of which only so many are carried out at a time.
@Suite struct GateTests {
  private let gate = Gate(width: 2)
  /// Where nobody else's work holds it up.
  private let pool = WorkerPool(name: "test", usualThreads: 4, maximumThreads: 4)

  /// Who was let in.
  private final class Company: Sendable {
    private let inside = Atomic(0)
    private let entered = Mutex<[Int]>([])
    let most = Atomic(0)

    var order: [Int] { entered.withLock { $0 } }

    func add(_ number: Int) { entered.withLock { $0.append(number) } }

    func work(_ number: Int) async {
      add(number)
      most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
      await Task.yield()
      inside.wrappingSubtract(1, ordering: .relaxed)
    }
  }

  /// Enters from a task of its own, which is seen to wait.
  private func waiting(_ work: @escaping @Sendable () -> Void) async throws -> Task<Void, Never> {
    let before = gate.waiting
    let task = Task(executorPreference: pool) { [gate] in
      await gate.enter()
      work()
    }
    try await withDeadline { [gate] in while gate.waiting == before { await Task.yield() } }
    return task
  }

  @Test func `those who find it full are let in in their order, one for each that leaves`() async throws {
    let company = Company()
    await gate.enter()
    await gate.enter()
    var tasks: [Task<Void, Never>] = []
    for number in 0..<5 {
      tasks.append(try await waiting { company.add(number) })
    }
    #expect(company.order == [])
    for (number, task) in tasks.enumerated() {
      gate.leave()
      try await withDeadline { await task.value }
      #expect(company.order == Array(0...number))
    }
    gate.leave()
    gate.leave()
    // Nobody is inside, so two are let in at once.
    try await withDeadline { [gate] in
      await gate.enter()
      await gate.enter()
    }
  }

  @Test func `of many that come from many threads, only so many are inside at once, and all have been`() async throws {
    let company = Company()
    try await withDeadline { [gate, pool] in
      await withTaskGroup { group in
        for number in 0..<2000 {
          group.addTask(executorPreference: pool) {
            await gate.enter()
            await company.work(number)
            gate.leave()
          }
        }
      }
    }
    #expect(company.most.load(ordering: .relaxed) == 2)
    #expect(Set(company.order) == Set(0..<2000))
    #expect(gate.waiting == 0)
  }
}
