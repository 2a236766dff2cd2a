import Synchronization
import TestSupport
import Testing

@testable import JSONRPC

/// Calls of which only so many are carried out at a time.
@Suite struct GateTests {
  private let gate = Gate(width: 2)

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
  private func waiting(_ work: @escaping @Sendable () -> Void) async throws -> Task<Void, any Error> {
    let before = gate.waiting
    let task = Task { [gate] in
      try await gate.enter()
      work()
    }
    try await withDeadline { [gate] in while gate.waiting == before { await Task.yield() } }
    return task
  }

  @Test func `those who find it full are let in in their order, one for each that leaves`() async throws {
    let company = Company()
    try await gate.enter()
    try await gate.enter()
    var tasks: [Task<Void, any Error>] = []
    for number in 0..<5 {
      tasks.append(try await waiting { company.add(number) })
    }
    #expect(company.order == [])
    for (number, task) in tasks.enumerated() {
      gate.leave()
      try await withDeadline { try await task.value }
      #expect(company.order == Array(0...number))
    }
    gate.leave()
    gate.leave()
    // Nobody is inside, so two are let in at once.
    try await withDeadline { [gate] in
      try await gate.enter()
      try await gate.enter()
    }
  }

  @Test func `who is cancelled waits no longer, takes no place and loses none`() async throws {
    try await gate.enter()
    try await gate.enter()
    let cancelled = try await waiting { Issue.record("it was let in") }
    let next = try await waiting {}
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await withDeadline { try await cancelled.value } }
    gate.leave()
    try await withDeadline { try await next.value }
    let last = try await waiting {}
    gate.leave()
    try await withDeadline { try await last.value }
  }

  @Test func `of many that come from many threads, only so many are inside at once, and all have been`() async throws {
    let company = Company()
    try await withDeadline { [gate] in
      await withTaskGroup { group in
        for number in 0..<2000 {
          group.addTask {
            let task = Task {
              guard (try? await gate.enter()) != nil else { return }
              await company.work(number)
              gate.leave()
            }
            if number.isMultiple(of: 7) { task.cancel() }
            await task.value
          }
        }
      }
    }
    #expect(company.most.load(ordering: .relaxed) == 2)
    // Who was cancelled came in or not; all others did.
    #expect(Set((0..<2000).filter { !$0.isMultiple(of: 7) }).isSubset(of: company.order))
    #expect(gate.waiting == 0)
  }
}
