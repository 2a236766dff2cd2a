import BerthProtocol
import GRDB
import JSON
import Storage
import TestSupport
import Testing

@testable import Streams

@Suite struct StoredJournalTests {
  let home: StreamHome

  init() throws {
    home = try StreamHome()
  }

  @Test func `Events come back in order, as they were appended`() throws {
    let result = try home.store.append(
      "custom/a",
      [
        NewJournalEvent(type: "first", payload: ["text": "ä \"quoted\"\n"] as JSONValue),
        NewJournalEvent(NewEvent(type: "second")),
      ])
    let page = try home.store.read(StreamRead.Params(stream: "custom/a"))
    #expect(page.events.map(\.type) == ["first", "second"])
    #expect(page.events.map(\.payload) == [["text": "ä \"quoted\"\n"], nil])
    #expect(page.events.map(\.time) == Array(repeating: "2027-01-15T08:00:00.000Z", count: 2))
    #expect(page.events[0].cursor < page.events[1].cursor)
    #expect(page.events.last?.cursor == result.last)
    #expect(result == AppendResult(stream: "custom/a", appended: 2, last: page.next))
    #expect(page.caughtUp && !page.eof && page.gap == nil)
  }

  @Test func `A stream that nobody has made is not found`() throws {
    let error = #expect(throws: ProtocolError.self) { try home.store.journal("custom/none") }
    #expect(error?.type == .streamNotFound)
  }

  @Test func `Appending nothing makes the stream`() throws {
    #expect(try home.append("custom/a", []).last == nil)
    let page = try home.store.read(StreamRead.Params(stream: "custom/a"))
    #expect(page == StreamPage(events: [], eof: false, caughtUp: true))
  }

  @Test func `A piece keeps its limit, and an event beyond it comes alone`() throws {
    try home.append("custom/a", 0..<100)
    try home.store.append("custom/a", [NewJournalEvent(type: "big", payload: String(repeating: "x", count: 5000))])
    try home.append("custom/a", 100..<200)
    for isLive in [false, true] {
      // The second time, all of it is read again by a journal that has a tail.
      let journal = isLive ? try home.store.journal("custom/a") : nil
      if isLive { try home.append("custom/a", 200..<300) }
      var follower = try home.follower("custom/a", follow: false)
      var numbers: [Int] = []
      let journalBatches = try allBatches(&follower, limitBytes: 1000)
      for batch in journalBatches {
        #expect(batch.events.count <= 1000 || batch.count == 1)
        numbers += try batch.numbers
      }
      #expect(numbers.filter { $0 >= 0 } == Array(0..<(isLive ? 300 : 200)))
      withExtendedLifetime(journal) {}
    }
  }

  func allBatches(_ follower: inout Follower, limitBytes: Int) throws -> [JournalBatch] {
    var batches: [JournalBatch] = []
    var position: StreamPosition?
    while true {
      let batch = try follower.journal.read(after: position, limitBytes: limitBytes, filter: nil)
      batches.append(batch)
      if batch.caughtUp { return batches }
      position = batch.position
    }
  }

  @Test func `Types choose events, whole or by their beginning`() throws {
    for index in 0..<30 { try home.append("custom/a", [index], type: ["a.x", "a.y", "b"][index % 3]) }
    #expect(try home.read("custom/a", types: ["b"]) == (0..<30).filter { $0 % 3 == 2 })
    #expect(try home.read("custom/a", types: ["a.*"]) == (0..<30).filter { $0 % 3 != 2 })
    #expect(try home.read("custom/a", types: ["c"]).isEmpty)
    let page = try home.store.read(StreamRead.Params(stream: "custom/a", types: ["c"]))
    #expect(page.caughtUp && page.next != nil)
  }

  @Test func `A tail begins before the last events that the filter lets through`() async throws {
    for index in 0..<30 { try home.append("custom/a", [index], type: index % 2 == 0 ? "even" : "odd") }
    var all = try home.follower("custom/a", tail: 3, follow: false)
    #expect(try await all.take().numbers == [27, 28, 29])
    var even = try home.follower("custom/a", tail: 3, follow: false, types: ["even"])
    #expect(try await even.take().numbers == [24, 26, 28])
    var none = try home.follower("custom/a", tail: 0, follow: false)
    #expect(try await none.take().numbers.isEmpty)
    var more = try home.follower("custom/a", tail: 1000, follow: false)
    let followed = try await more.take()
    #expect(followed.numbers == Array(0..<30))
    #expect(followed.gaps.isEmpty && followed.end == .caughtUp)
  }

  @Test func `Cursors of other streams, of the future and of nobody are refused`() throws {
    try home.append("custom/a", 0..<3)
    let other = try home.append("custom/b", 0..<9)
    let future = StreamPosition(cursor: try home.append("custom/a", [3]).last ?? "").map {
      StreamPosition(high: $0.high, low: $0.low + 1).cursor
    }
    for cursor in [other.last ?? "", future ?? "", "nonsense"] {
      let error = #expect(throws: ProtocolError.self) { try home.read("custom/a", after: cursor) }
      #expect(error?.type == .invalidCursor)
    }
    #expect(throws: ProtocolError.self) { try home.follower("custom/a", after: other.last, tail: 1) }
  }

  @Test func `A closed stream gives what is left, then its end, and takes nothing more`() async throws {
    try home.append("custom/a", 0..<5)
    var follower = try home.follower("custom/a")
    #expect(try await follower.take(5).numbers == Array(0..<5))
    try home.append("custom/a", 5..<8, close: true)
    let rest = try await follower.take()
    #expect(rest.numbers == [5, 6, 7] && rest.end == .closed)
    #expect(try await follower.next(limitBytes: 1) == nil)
    let error = #expect(throws: ProtocolError.self) { try home.append("custom/a", [8]) }
    #expect(error?.type == .streamClosed)
    #expect(try home.store.read(StreamRead.Params(stream: "custom/a")).eof)
  }

  @Test func `A repeated key appends once`() throws {
    let params = StreamAppend.Params(
      stream: "custom/a", events: [NewEvent(type: "x", payload: ["n": 1])], idempotencyKey: "k")
    let first = try home.store.append(params)
    #expect(try home.store.append(params) == first)
    #expect(try home.read("custom/a") == [1])
    var other = params
    other.events[0].payload = ["n": 2]
    let error = #expect(throws: ProtocolError.self) { try home.store.append(other) }
    #expect(error?.type == .idempotencyConflict)
    #expect(try home.read("custom/a") == [1])
  }

  @Test func `Positions hold over a restart, and numbers go on`() async throws {
    let first = try home.append("custom/a", 0..<5)
    let next = try home.restart()
    let second = try next.append("custom/a", 5..<9)
    #expect(try #require(first.last) < #require(second.last))
    var follower = try next.follower("custom/a", after: first.last)
    #expect(try await follower.take(4).numbers == [5, 6, 7, 8])
  }

  @Test func `Streams are listed by name, in pages`() throws {
    for name in ["custom/b", "custom/a", "job/1", "custom/c", "custom_x"] { try home.append(name, 0..<2) }
    try home.append("custom/c", [], close: true)
    home.store.register(MemoryJournal(name: "custom/bb"))
    let all = try home.store.list(StreamList.Params())
    #expect(all.streams.map(\.name) == ["custom/a", "custom/b", "custom/bb", "custom/c", "custom_x", "job/1"])
    #expect(all.nextCursor == nil)
    let first = try home.store.list(StreamList.Params(prefix: "custom/", limit: 3))
    #expect(first.streams.map(\.name) == ["custom/a", "custom/b", "custom/bb"])
    let second = try home.store.list(StreamList.Params(prefix: "custom/", limit: 3, cursor: first.nextCursor))
    #expect(second.streams.map(\.name) == ["custom/c"])
    let info = try #require(second.streams.first)
    #expect(info.state == .closed && info.kind == .events && info.events == 2 && info.bytes > 0)
    #expect(info.first != nil && info.last != nil && info.first != info.last)
    #expect(try home.store.count() == 6)
    let error = #expect(throws: ProtocolError.self) { try home.store.list(StreamList.Params(cursor: "0")) }
    #expect(error?.type == .invalidCursor)
  }
}
