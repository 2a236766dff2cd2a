import BerthProtocol
import Foundation
import JSON
import Platform
import TestSupport
import Testing

@testable import Streams

@Suite struct LogJournalTests {
  let folder: TemporaryFolder
  var path: String { "\(folder.path)/berth.log" }

  init() throws {
    folder = try TemporaryFolder()
  }

  func open(maxBytes: Int = 1000, keptFiles: Int = 3) throws -> LogFile {
    try LogFile(path: path, maxBytes: maxBytes, keptFiles: keptFiles)
  }

  func journal(_ file: LogFile) -> LogJournal { LogJournal(name: "server/log", file: file) }

  func follower(_ journal: LogJournal, after: String? = nil, tail: Int? = nil, follow: Bool = false) throws -> Follower
  {
    try Follower(journal, StreamAttach.Params(stream: journal.name, after: after, tail: tail, follow: follow))
  }

  func write(_ file: LogFile, _ numbers: some Sequence<Int>) {
    for number in numbers {
      file.write("2026-11-20T22:30:00.\(String(format: "%03d", number))Z info line \(number)")
    }
  }

  func lines(_ events: [StreamEvent]) -> [Int] {
    events.compactMap { $0.payload["line"]?.stringValue?.split(separator: " ").last.flatMap { Int($0) } }
  }

  @Test func `Lines come as events with the times that they carry`() async throws {
    let file = try open()
    file.write("2026-11-20T22:30:00.123Z info plain \"quoted\" ä")
    file.write(#"{"level":"info","time":"2026-11-20T22:30:01.456Z","message":"as JSON"}"#)
    file.write("no time of its own")
    var follower = try follower(journal(file))
    let events = try await follower.take().events
    #expect(
      events.map(\.time) == ["2026-11-20T22:30:00.123Z", "2026-11-20T22:30:01.456Z", "2026-11-20T22:30:01.456Z"])
    #expect(events.map(\.type) == ["log.line", "log.line", "log.line"])
    #expect(events[0].payload == ["line": "2026-11-20T22:30:00.123Z info plain \"quoted\" ä"])
  }

  @Test func `A follower goes on across files that are put aside, at whatever pace`() async throws {
    let file = try open(maxBytes: 500, keptFiles: 100)
    let journal = journal(file)
    var follower = try follower(journal, follow: true)
    var followed: [StreamEvent] = []
    for start in stride(from: 0, to: 200, by: 20) {
      write(file, start..<start + 20)
      while followed.count < start + 15, let batch = try await follower.next(limitBytes: 300) {
        followed += try batch.decoded
      }
    }
    while followed.count < 200, let batch = try await follower.next(limitBytes: 300) { followed += try batch.decoded }
    #expect(lines(followed) == Array(0..<200))
    #expect(followed.map(\.cursor) == followed.map(\.cursor).sorted())
    #expect(Set(followed.map(\.cursor)).count == 200)
  }

  @Test func `A follower that waits is woken by the next line`() async throws {
    let file = try open()
    let journal = journal(file)
    let waiting = try follower(journal, follow: true)
    let task = Task {
      var follower = waiting
      return try await follower.take(1).events
    }
    write(file, [7])
    #expect(lines(try await task.value(within: 30)) == [7])
  }

  @Test func `Positions hold over a restart and over files that are put aside`() async throws {
    var file = try open(maxBytes: 500, keptFiles: 100)
    write(file, 0..<25)
    var first = try follower(journal(file))
    let cursor = try await first.take().events[17].cursor
    file = try open(maxBytes: 500, keptFiles: 100)
    write(file, 25..<60)
    var second = try follower(journal(file), after: cursor)
    #expect(lines(try await second.take().events) == Array(18..<60))
  }

  @Test func `Files beyond the number that is kept are deleted, and readers from before are told`() async throws {
    let file = try open(maxBytes: 500, keptFiles: 3)
    write(file, 0..<5)
    let journal = journal(file)
    var first = try follower(journal)
    let cursor = try #require(try await first.take().events.last?.cursor)
    write(file, 5..<200)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names.count == 4)
    for after in [nil, cursor] {
      var reader = try follower(journal, after: after)
      let followed = try await reader.take()
      let found = lines(followed.events)
      #expect(found == Array(try #require(found.first)..<200))
      #expect(followed.gaps.count == 1 && followed.gaps.first?.from == after)
      let gapEnd = try #require(followed.gaps.first?.to)
      #expect(try gapEnd < #require(followed.events.first).cursor)
      #expect(after ?? "" < gapEnd)
    }
  }

  @Test func `A tail counts lines back across files`() async throws {
    let file = try open(maxBytes: 500, keptFiles: 100)
    write(file, 0..<60)
    let journal = journal(file)
    for count in [0, 1, 5, 30, 60, 100] {
      var reader = try follower(journal, tail: count)
      let followed = try await reader.take()
      #expect(lines(followed.events) == Array(max(0, 60 - count)..<60))
      #expect(followed.gaps.isEmpty && followed.end == .caughtUp)
    }
  }

  @Test func `A line without an end waits for it, a line that is very long comes in pieces`() throws {
    let file = try open(maxBytes: 1 << 20)
    let journal = journal(file)
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.write(contentsOf: Data("half a".utf8))
    var batch = try journal.read(after: nil, limitBytes: 1000, filter: nil)
    #expect(batch.count == 0 && batch.caughtUp)
    try handle.write(contentsOf: Data(" line\n".utf8))
    batch = try journal.read(after: batch.position, limitBytes: 1000, filter: nil)
    #expect(try batch.decoded.map(\.payload) == [["line": "half a line"]])
    try handle.write(contentsOf: Data((String(repeating: "ä", count: 100_000) + "\nshort\n").utf8))
    var text = ""
    var pieces = 0
    repeat {
      batch = try journal.read(after: batch.position, limitBytes: 1 << 20, filter: nil)
      for event in try batch.decoded {
        text += event.payload["line"]?.stringValue ?? ""
        pieces += 1
      }
    } while !batch.caughtUp
    #expect(text == String(repeating: "ä", count: 100_000) + "short")
    #expect(pieces == 5)
  }

  @Test func `A filter for other types lets nothing through`() throws {
    let file = try open()
    write(file, 0..<5)
    let batch = try journal(file).read(after: nil, limitBytes: 1000, filter: TypeFilter(["job.*"]))
    #expect(batch.count == 0 && batch.caughtUp)
    #expect(try batch.position == journal(file).endPosition())
  }

  @Test func `Cursors of the future and of nobody are refused`() throws {
    let file = try open()
    write(file, 0..<5)
    let journal = journal(file)
    for position in [StreamPosition(high: 2, low: 0), StreamPosition(high: 1, low: 100_000)] {
      #expect(throws: ProtocolError.self) { try journal.position(of: position.cursor) }
    }
    #expect(throws: ProtocolError.self) { try journal.position(of: "x") }
  }

  @Test func `The log is described by its files`() throws {
    let file = try open(maxBytes: 500, keptFiles: 100)
    #expect(try journal(file).info().first == nil)
    write(file, 0..<60)
    let info = try journal(file).info()
    #expect(info.kind == .log && info.state == .open && info.events == 0 && info.bytes > 2000)
    #expect(info.createdAt == "2026-11-20T22:30:00.000Z")
    #expect(try #require(info.first) < #require(info.last))
  }

  @Test func `Lines that many threads write are whole`() async throws {
    let file = try open(maxBytes: 4000, keptFiles: 1000)
    await withTaskGroup { group in
      for writer in 0..<8 {
        group.addTask { for index in 0..<100 { file.write("writer \(writer) \(index)") } }
      }
    }
    var reader = try follower(journal(file))
    let events = try await reader.take().events
    #expect(events.count == 800)
    for writer in 0..<8 {
      let own = events.filter { $0.payload["line"]?.stringValue?.hasPrefix("writer \(writer) ") == true }
      #expect(lines(own) == Array(0..<100))
    }
  }
}
