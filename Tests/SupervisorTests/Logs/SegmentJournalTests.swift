import BerthProtocol
import Foundation
import JSON
import Streams
import TestSupport
import Testing

@testable import Supervisor

@Suite struct SegmentJournalTests {
  let log: SegmentWriter

  init() throws {
    log = try SegmentWriter()
  }

  @Test func `Lines come as events with their source and time`() throws {
    try log.write("plain \"quoted\" \u{1} ä")
    try log.write("an error", source: "stderr")
    try log.write("")
    let output = try log.journal().readAll()
    #expect(output.texts == ["plain \"quoted\" \u{1} ä", "an error", ""])
    #expect(output.sources == ["stdout", "stderr", "stdout"])
    #expect(output.times == ["2026-11-20T22:30:00.000Z", "2026-11-20T22:30:00.001Z", "2026-11-20T22:30:00.002Z"])
    #expect(output.events.allSatisfy { $0["type"] == "app.output" })
    #expect(output.partials == [false, false, false])
  }

  @Test func `Parts of a line are joined, also where they cut a character`() throws {
    let text = String(repeating: "aä€😀", count: 3000)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: 4097) {
      let end = min(start + 4097, bytes.count)
      try log.write(bytes[start..<end], isWhole: end == bytes.count)
    }
    try log.write("next")
    let output = try log.journal().readAll()
    #expect(output.texts == [text, "next"])
    #expect(output.partials == [false, false])
    // However they were read.
    #expect(try log.journal().readAll(limitBytes: 1).texts == [text, "next"])
  }

  @Test func `Of a line without end, each 64 KiB are an event that says that it goes on`() throws {
    let part = String(repeating: "x", count: 16 << 10)
    for index in 0..<10 { try log.write(part, isWhole: index == 9) }
    let output = try log.journal().readAll()
    #expect(output.texts.map(\.utf8.count) == [64 << 10, 64 << 10, 32 << 10])
    #expect(output.partials == [true, true, false])
  }

  @Test func `A line that has not ended is shown, and goes on behind its cursor`() throws {
    try log.write("Password: ", isWhole: false)
    let journal = log.journal()
    let first = try journal.readAll()
    #expect(first.texts == ["Password: "] && first.partials == [true])
    try log.write("****")
    let second = try journal.readAll(after: first.position)
    #expect(second.texts == ["****"] && second.partials == [false])
    #expect(try journal.readAll().texts == ["Password: ****"])
  }

  @Test func `What comes between two parts of a line parts them, and nothing is lost behind any cursor`() throws {
    try log.write("out 1 ", isWhole: false)
    try log.write("error", source: "stderr")
    try log.write("out 2")
    let all = try log.journal().readAll()
    #expect(all.texts == ["out 1 ", "error", "out 2"])
    #expect(all.partials == [true, false, false])
    for (index, cursor) in all.cursors.enumerated() {
      let journal = log.journal()
      #expect(try journal.readAll(after: journal.position(of: cursor)).texts == Array(all.texts[(index + 1)...]))
    }
  }

  @Test func `Bytes that are not UTF-8 are replaced, lines that no shim has written are shown as they are`() throws {
    try log.write([UInt8(ascii: "a"), 0xFF, UInt8(ascii: "b"), 0xE2, 0x82])
    try log.raw("garbage\n".utf8)
    try log.write("after")
    let output = try log.journal().readAll()
    #expect(output.texts == ["a\u{FFFD}b\u{FFFD}", "garbage", "after"])
    #expect(output.times[1] == output.times[0])
  }

  @Test func `A follower goes on across segments at whatever pace, and is woken by growth`() async throws {
    let journal = log.journal()
    let reading = Task {
      var output = ReadOutput()
      while output.events.count < 300 {
        try output.take(try await journal.next(after: output.position, limitBytes: 700))
      }
      return output.numbers
    }
    for start in stride(from: 0, to: 300, by: 20) {
      try log.write(start..<start + 20)
      try log.rotate()
      journal.noteGrowth()
    }
    #expect(try await reading.value(within: 60) == Array(0..<300))
  }

  @Test func `Cursors hold over rotation and over restarts of the app and the server`() throws {
    try log.write(0..<10)
    let first = try log.journal().readAll()
    let cursor = first.cursors[4]
    try log.rotate()
    try log.write(10..<20)
    let journal = log.journal()
    #expect(try journal.readAll(after: journal.position(of: cursor)).numbers == Array(5..<20))
    #expect(try journal.readAll().cursors == journal.readAll().cursors.sorted())
  }

  @Test func `Who has not read what was removed is told of a gap`() throws {
    try log.write(0..<5)
    let journal = log.journal()
    let before = try journal.readAll()
    for start in stride(from: 5, to: 50, by: 5) {
      try log.rotate(keeping: 3)
      try log.write(start..<start + 5)
    }
    for position in [nil, before.position] {
      let batch = try journal.read(after: position, limitBytes: 64 << 10, filter: nil)
      #expect(batch.gap?.from == position?.cursor && batch.gap?.reason == .retention)
      let output = try journal.readAll(after: position)
      #expect(output.numbers == Array(35..<50) && output.gaps == 1)
      #expect(try #require(batch.gap?.to) < #require(output.cursors.first))
    }
  }

  @Test func `A log that was removed and begun anew is read from its beginning`() throws {
    let old = try SegmentWriter(segment: 7)
    try old.write(0..<5)
    let position = try old.journal().readAll().position
    try log.write(0..<3)
    let output = try log.journal().readAll(after: position)
    #expect(output.numbers == [0, 1, 2] && output.gaps == 1)
  }

  @Test func `Without a folder there is nothing, until there is`() throws {
    let journal = SegmentJournal(name: "app/y/log", folder: log.folder.path + "/none")
    let batch = try journal.read(after: nil, limitBytes: 1000, filter: nil)
    #expect(batch.caughtUp && batch.isEmpty && batch.position == nil)
    #expect(try journal.endPosition() == nil && journal.position(tail: 5, sinceSeconds: 5) == nil)
    #expect(try journal.info().bytes == 0)
    #expect(throws: ProtocolError.self) { try journal.position(of: StreamPosition(high: 1, low: 0).cursor) }
  }

  @Test func `Cursors of the future are refused`() throws {
    try log.write(0..<5)
    let journal = log.journal()
    for position in [StreamPosition(high: 2, low: 0), StreamPosition(high: 1, low: 100_000)] {
      #expect(throws: ProtocolError.self) { try journal.position(of: position.cursor) }
    }
    #expect(throws: ProtocolError.self) { try journal.position(of: "x") }
  }

  @Test func `A closed log ends when all of it is read`() async throws {
    try log.write(0..<5)
    let journal = log.journal()
    journal.close()
    let batch = try await journal.next(after: nil, limitBytes: 1 << 20)
    #expect(batch.count == 5 && batch.end == .closed)
    #expect(try journal.info().state == .closed)
  }

  @Test func `A filter for other types lets nothing through`() throws {
    try log.write(0..<5)
    let journal = log.journal()
    let batch = try journal.read(after: nil, limitBytes: 1000, filter: TypeFilter(["job.*"]))
    #expect(batch.count == 0 && batch.caughtUp)
    #expect(try batch.position == journal.endPosition())
    #expect(try journal.read(after: nil, limitBytes: 10_000, filter: TypeFilter(["app.*"])).count == 5)
  }
}
