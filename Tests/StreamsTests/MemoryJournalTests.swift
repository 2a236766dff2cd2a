import BerthProtocol
import JSON
import TestSupport
import Testing

@testable import Streams

@Suite struct MemoryJournalTests {
  let journal = MemoryJournal(name: "workspace/ws/files/1", capacityBytes: 10_000)

  func append(_ numbers: some Sequence<Int>, type: String = "number") {
    for number in numbers { journal.append(type: type, payload: ["n": .integer(number)] as JSONValue) }
  }

  func follower(after: String? = nil, tail: Int? = nil, follow: Bool = false, types: [String]? = nil) throws -> Follower
  {
    try Follower(
      journal, StreamAttach.Params(stream: journal.name, after: after, tail: tail, follow: follow, types: types))
  }

  @Test func `Events come back in order, live ones too`() async throws {
    append(0..<5)
    var reader = try follower(follow: true)
    #expect(try await reader.take(5).numbers == Array(0..<5))
    let task = Task { [reader] in
      var reader = reader
      return try await reader.take()
    }
    append(5..<8)
    journal.close()
    let followed = try await task.value(within: 30)
    #expect(followed.numbers == [5, 6, 7] && followed.end == .closed)
    append([9])
    #expect(journal.info().events == 8)
  }

  @Test func `When events come faster than they are read, the oldest go and the reader is told once`() async throws {
    append(0..<10)
    var reader = try follower(follow: true)
    let first = try await reader.take(10)
    append(10..<1000)
    let next = try #require(try await reader.next(limitBytes: 1 << 20))
    let numbers = try next.numbers
    #expect(numbers == Array(try #require(numbers.first)..<1000) && numbers.count < 100)
    #expect(next.gap?.reason == .overflow && next.gap?.from == first.events.last?.cursor)
    append([1000])
    #expect(try await reader.take(1).gaps.isEmpty)
    #expect(journal.info().bytes <= 10_000)
  }

  @Test func `What the producer has lost is told in its place, once for each loss`() async throws {
    append(0..<2)
    journal.noteLoss()
    journal.noteLoss()
    append(2..<4)
    journal.noteLoss()
    var reader = try follower(follow: true)
    var batches: [JournalBatch] = []
    for _ in 0..<3 { batches.append(try #require(try await reader.next(limitBytes: 1000))) }
    #expect(try batches.map { try $0.numbers } == [[0, 1], [2, 3], []])
    #expect(batches.map { $0.gap?.reason } == [nil, .overflow, .overflow])
    let gap = try #require(batches[1].gap)
    #expect(gap.from == batches[0].last)
    #expect(try gap.to < #require(batches[1].decoded.first).cursor)
  }

  @Test func `Filters, tails and limits hold`() async throws {
    for number in 0..<20 { append([number], type: number % 2 == 0 ? "even" : "odd") }
    var even = try follower(tail: 3, types: ["even"])
    #expect(try await even.take().numbers == [14, 16, 18])
    var all = try follower(tail: 100)
    #expect(try await all.take(limitBytes: 300).numbers == Array(0..<20))
    var none = try follower(types: ["none"])
    let followed = try await none.take()
    #expect(followed.numbers.isEmpty && followed.end == .caughtUp)
  }

  @Test func `A cursor of an earlier journal of the name gives a gap, one of the future is refused`() async throws {
    let earlier = StreamPosition(high: 1, low: 5).cursor
    append(0..<3)
    var reader = try follower(after: earlier)
    let followed = try await reader.take()
    #expect(followed.numbers == [0, 1, 2])
    #expect(followed.gaps.map(\.from) == [earlier])
    let last = try #require(followed.events.last.flatMap { StreamPosition(cursor: $0.cursor) })
    #expect(throws: ProtocolError.self) {
      try journal.position(of: StreamPosition(high: last.high, low: last.low + 1).cursor)
    }
    #expect(throws: ProtocolError.self) { try journal.position(of: "nonsense") }
    let next = MemoryJournal(name: journal.name)
    next.append(type: "x", payload: JSONValue.null)
    let cursor = try #require(next.endPosition()?.cursor)
    #expect(cursor > last.cursor)
  }
}
