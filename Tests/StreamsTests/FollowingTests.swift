import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import TestSupport
import Testing

@testable import Streams

/// Followers and appenders at the same time.
@Suite struct FollowingTests {
  let home: StreamHome
  let pool = WorkerPool(name: "test", maximumThreads: 32)

  init() throws {
    home = try StreamHome()
  }

  @Test func `A follower that waits is woken by an append, and by nothing else`() async throws {
    try home.append("custom/a", [0])
    let journal = try home.store.journal("custom/a")
    let task = Task(executorPreference: pool) { [home] in
      var follower = try home.follower("custom/a")
      return try await follower.take(2)
    }
    try home.append("custom/b", [1])
    try home.append("custom/a", [2])
    #expect(try await task.value(within: 30).numbers == [0, 2])
    withExtendedLifetime(journal) {}
  }

  @Test func `A follower that waits can be cancelled`() async throws {
    try home.append("custom/a", [])
    let task = Task(executorPreference: pool) { [home] in
      var follower = try home.follower("custom/a")
      return try await follower.next(limitBytes: 1000)?.count
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value(within: 30) }
  }

  @Test func `Followers that attach while events are appended miss none, see none twice and keep their order`()
    async throws
  {
    let total = 1000
    try home.append("custom/a", [])
    let followed = try await withDeadline(seconds: 120) { [home, pool] in
      try await withThrowingTaskGroup(of: (start: Int, Followed).self) { group in
        group.addTask(executorPreference: pool) {
          for number in 0..<total {
            if number % 3 == 0 {
              try await home.store.append("custom/a", [.number(number)])
            } else if number % 3 == 1 {
              try home.append("custom/a", [number])
            } else {
              try home.database.write { db in
                try home.store.record("custom/a", type: "number", payload: NewJournalEvent.payload(number), in: db)
              }
            }
          }
          return (0, Followed())
        }
        for index in 0..<24 {
          group.addTask(executorPreference: pool) {
            // Some begin with nothing, some in the middle of what is there by then, each with pieces of its own size.
            var numbers: [Int] = []
            while index % 2 == 1, numbers.count < index * 30 { numbers = try home.read("custom/a") }
            let after = numbers.isEmpty ? nil : try home.store.read(.init(stream: "custom/a")).events[index].cursor
            var follower = try home.follower("custom/a", after: after)
            let start = after == nil ? 0 : index + 1
            return (start, try await follower.take(total - start, limitBytes: [500, 5000, 500_000][index % 3]))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
    }
    for (start, followed) in followed where !followed.events.isEmpty {
      #expect(followed.numbers == Array(start..<total))
      #expect(followed.gaps.isEmpty)
    }
    #expect(followed.count(where: { !$0.1.events.isEmpty }) == 24)
  }

  @Test func `Appends that come at the same time are all kept, each caller's in order`() async throws {
    let results = try await withDeadline(seconds: 120) { [home, pool] in
      try await withThrowingTaskGroup(of: [AppendResult].self) { group in
        for writer in 0..<16 {
          group.addTask(executorPreference: pool) {
            var results: [AppendResult] = []
            for index in 0..<50 {
              let stream = "custom/\(writer % 4)"
              let event = NewJournalEvent.number(writer * 1000 + index)
              results.append(
                writer % 2 == 0
                  ? try await home.store.append(stream, [event]) : try Self.appendBlocking(home.store, stream, event))
            }
            return results
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
    }
    #expect(Set(results.map(\.last)).count == 800)
    for stream in 0..<4 {
      let numbers = try home.read("custom/\(stream)")
      for writer in stride(from: stream, to: 16, by: 4) {
        #expect(numbers.filter { $0 / 1000 == writer } == (0..<50).map { writer * 1000 + $0 })
      }
      #expect(numbers.count == 200)
    }
  }

  /// Out of the reach of `async`, so that the function that blocks is chosen.
  static func appendBlocking(_ store: StreamStore, _ stream: String, _ event: NewJournalEvent) throws -> AppendResult {
    try store.append(stream, [event])
  }

  @Test func `In a shared transaction, each caller is refused for itself`() throws {
    try home.append("custom/closed", [0], close: true)
    try home.database.writeWithoutTransaction { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages + 50)")
    }
    func request(_ stream: String, _ event: NewJournalEvent) -> AppendRequest {
      AppendRequest(stream, [event], close: false, idempotency: nil)
    }
    let large = NewJournalEvent(type: "large", payload: String(repeating: "x", count: 1 << 20))
    let retention = Retention(StreamsConfig(), database: home.database, live: home.store.live)
    let outcomes = StreamStore.commit(
      [
        request("custom/a", .number(1)), request("custom/closed", .number(2)), request("custom/a", large),
        request("custom/a", .number(3)),
      ],
      database: home.database, live: home.store.live, retention: retention, now: 0)
    let types = outcomes.map { outcome -> ErrorType? in
      if case .failure(let error) = outcome { return (error as? ProtocolError)?.type }
      return nil
    }
    #expect(types == [nil, .streamClosed, .noSpace, nil])
    #expect(try home.read("custom/a") == [1, 3])
  }

  @Test func `A reader that does not follow ends where the stream ended when it began`() async throws {
    try home.append("custom/a", 0..<1000)
    var follower = try home.follower("custom/a", follow: false)
    var followed = Followed()
    while let batch = try await follower.next(limitBytes: 10_000) {
      try followed.take(batch)
      // Faster than it reads.
      try home.append("custom/a", 0..<1000)
    }
    #expect(followed.end == .caughtUp)
    #expect(followed.numbers.count < 1200)
  }

  @Test func `A follower that does not read costs no memory and holds up nobody`() async throws {
    try home.append("custom/a", [])
    let slow = try home.follower("custom/a")
    var quick = try home.follower("custom/a")
    let padding = String(repeating: "x", count: 1000)
    var count = 0
    for number in 0..<200 {
      let events = (0..<100).map { _ in
        NewJournalEvent(type: "x", payload: ["n": .integer(number), "padding": .string(padding)] as JSONValue)
      }
      try await home.store.append("custom/a", events)
      while count < (number + 1) * 100, let batch = try await quick.next(limitBytes: 1 << 20) { count += batch.count }
    }
    #expect(count == 20_000)
    let journal = try #require(slow.journal as? StoredJournal)
    #expect(journal.tailBytes <= 5 << 20)
    var late = slow
    #expect(try await late.take(20_000, limitBytes: 1 << 20).events.count == 20_000)
  }
}

extension NewJournalEvent {
  static func payload(_ number: Int) -> JSONValue { ["n": .integer(number)] }

  static func number(_ number: Int) -> NewJournalEvent { NewJournalEvent(type: "number", payload: payload(number)) }
}
