import BerthProtocol
import JSON
import Storage
import TestSupport
import Testing

@testable import Streams

@Suite struct RetentionTests {
  static let small = StreamsConfig(maxAgeSeconds: 3600, maxBytes: 65_536, closedMaxAgeSeconds: 7200)
  let home: StreamHome

  init() throws {
    home = try StreamHome(Self.small)
  }

  @Test func `Old events go, and readers from before are told of the gap once`() async throws {
    let old = try home.append("custom/a", 0..<10)
    var reader = try home.follower("custom/a")
    let third = try home.store.read(StreamRead.Params(stream: "custom/a")).events[2].cursor
    home.advance(seconds: 3000)
    try home.append("custom/a", 10..<15)
    home.advance(seconds: 1000)
    try home.store.enforceRetention()

    let followed = try await reader.take(5)
    #expect(followed.numbers == Array(10..<15))
    #expect(followed.gaps == [StreamGap(to: try #require(old.last), reason: .retention)])

    var later = try home.follower("custom/a", after: third, follow: false)
    let rest = try await later.take()
    #expect(rest.numbers == Array(10..<15))
    #expect(rest.gaps == [StreamGap(from: third, to: try #require(old.last), reason: .retention)])

    var unharmed = try home.follower("custom/a", after: old.last, follow: false)
    #expect(try await unharmed.take().gaps.isEmpty)
  }

  @Test func `When all events are gone, the gap comes alone and numbers go on, over a restart too`() async throws {
    let old = try home.append("custom/a", 0..<10)
    home.advance(seconds: 4000)
    try home.store.enforceRetention()
    let page = try home.store.read(StreamRead.Params(stream: "custom/a"))
    #expect(page.events.isEmpty && page.caughtUp && page.next == old.last)
    #expect(page.gap == StreamGap(to: try #require(old.last), reason: .retention))
    let next = try home.restart(Self.small)
    #expect(try next.read("custom/a", after: old.last).isEmpty)
    #expect(try #require(next.append("custom/a", [10]).last) > #require(old.last))
    let info = try #require(next.store.list(StreamList.Params()).streams.first)
    #expect(info.events == 1)
  }

  @Test func `A follower that is attached and lags is told of what it has missed`() async throws {
    try home.append("custom/a", 0..<1)
    var slow = try home.follower("custom/a")
    #expect(try await slow.take(1).numbers == [0])
    // More than the tail in memory holds.
    for start in stride(from: 1, to: 60_001, by: 1000) { try home.append("custom/a", start..<start + 1000) }
    let followed = try await slow.takeWhatIsThere()
    #expect(followed.gaps.count == 1)
    let first = try #require(followed.numbers.first)
    #expect(followed.numbers == Array(first...60_000))
    #expect(first > 1)
    let gap = try #require(followed.gaps.first)
    let missing = try #require(StreamPosition(cursor: gap.to))
    #expect(missing.low == UInt64(first))
  }

  @Test func `Appending keeps a stream near its size by itself`() throws {
    for start in stride(from: 0, to: 20_000, by: 100) { try home.append("custom/a", start..<start + 100) }
    let info = try #require(home.store.list(StreamList.Params()).streams.first)
    #expect(info.bytes < 3 * 65_536)
    try home.store.enforceRetention()
    let after = try #require(home.store.list(StreamList.Params()).streams.first)
    #expect(after.bytes <= 65_536 && after.bytes > 60_000)
    #expect(try home.read("custom/a").last == 19_999)
  }

  @Test func `A stream that was closed for long goes whole, and its followers are told`() async throws {
    try home.append("custom/a", 0..<5000)
    try home.append("custom/a", [], close: true)
    try home.append("custom/b", [1])
    home.advance(seconds: 3000)
    try home.store.enforceRetention()
    let journal = try home.store.journal("custom/a")
    home.advance(seconds: 4300)
    try home.store.enforceRetention()
    #expect(throws: ProtocolError.self) { try home.store.journal("custom/a") }
    #expect(try journal.read(after: nil, limitBytes: 1, filter: nil).end == .deleted)
    #expect(try home.store.list(StreamList.Params()).streams.map(\.name) == ["custom/b"])
  }

  @Test func `A kind of streams may have limits of its own`() throws {
    home.store.setRetention(
      StreamsConfig(maxAgeSeconds: 60, kinds: ["custom": StreamLimits(maxAgeSeconds: 1000), "events": StreamLimits()]))
    for name in ["custom/a", "customs", "events"] { try home.append(name, 0..<5) }
    home.advance(seconds: 100)
    try home.store.enforceRetention()
    #expect(try home.read("custom/a").count == 5)
    #expect(try home.read("customs").isEmpty && home.read("events").isEmpty)
    home.advance(seconds: 1000)
    try home.store.enforceRetention()
    #expect(try home.read("custom/a").isEmpty)
  }

  @Test func `Limits that are changed hold from then on`() throws {
    try home.append("custom/a", 0..<500)
    home.advance(seconds: 100)
    home.store.setRetention(StreamsConfig(maxAgeSeconds: 60))
    try home.store.enforceRetention()
    #expect(try home.read("custom/a").isEmpty)
  }
}

extension Follower {
  /// Takes what is there now.
  fileprivate mutating func takeWhatIsThere() async throws -> Followed {
    var followed = Followed()
    while let batch = try await next(limitBytes: 64 << 10) {
      try followed.take(batch)
      if batch.caughtUp { break }
    }
    return followed
  }
}
