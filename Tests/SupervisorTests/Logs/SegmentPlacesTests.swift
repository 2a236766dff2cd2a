import Foundation
import Streams
import TestSupport
import Testing

@testable import Supervisor

@Suite struct SegmentPlacesTests {
  let log: SegmentWriter

  init() throws {
    log = try SegmentWriter()
  }

  func last(_ count: Int) throws -> ReadOutput {
    let journal = log.journal()
    return try journal.readAll(after: journal.position(tail: count, sinceSeconds: nil))
  }

  @Test func `A tail counts lines back across segments`() throws {
    for start in stride(from: 0, to: 60, by: 20) {
      try log.write(start..<start + 20)
      try log.rotate()
    }
    for count in [0, 1, 5, 19, 20, 21, 40, 59, 60, 100] {
      let output = try last(count)
      #expect(output.numbers == Array(max(0, 60 - count)..<60))
      #expect(output.gaps == 0)
    }
  }

  @Test func `A tail counts a line of many parts once, and an unfinished one too`() throws {
    let part = String(repeating: "x", count: 16 << 10)
    try log.write("first")
    for index in 0..<6 { try log.write(part, isWhole: index == 5) }
    try log.write("second")
    #expect(try last(1).texts == ["second"])
    #expect(try last(2).texts.map(\.utf8.count) == [64 << 10, 32 << 10, 6])
    #expect(try last(3).texts.first == "first")
    try log.write("unfin", isWhole: false)
    try log.write("ished", isWhole: false)
    #expect(try last(1).texts == ["unfinished"])
    #expect(try last(2).texts == ["second", "unfinished"])
  }

  @Test func `A time finds the first line that is not older, in any segment`() throws {
    for start in stride(from: 0, to: 6000, by: 1000) {
      try log.write(start..<start + 1000)
      try log.rotate()
    }
    let journal = log.journal()
    // A line comes each millisecond, 456789 ns behind its beginning.
    for (milliseconds, first) in [(-5000.0, 0), (0, 0), (0.5, 1), (1, 1), (999.6, 1000), (1000, 1000), (3210.4, 3210)] {
      let since = Double(SegmentWriter.began) + milliseconds / 1000
      let position = try journal.position(tail: nil, sinceSeconds: since)
      #expect(try journal.readAll(after: position).numbers == Array(first..<6000))
    }
    let late = try journal.position(tail: nil, sinceSeconds: Double(SegmentWriter.began + 100))
    #expect(try journal.readAll(after: late).numbers == [])
    try log.write([6000])
    #expect(try journal.readAll(after: late).numbers == [6000])
  }

  @Test func `A tail and a time together give what both allow`() throws {
    try log.write(0..<100)
    let journal = log.journal()
    let since = Double(SegmentWriter.began) + 0.050
    #expect(try journal.readAll(after: journal.position(tail: 10, sinceSeconds: since)).numbers == Array(90..<100))
    #expect(try journal.readAll(after: journal.position(tail: 80, sinceSeconds: since)).numbers == Array(50..<100))
    for wild in [-1e300, 1e300, .infinity] {
      #expect(throws: Never.self) { try journal.position(tail: nil, sinceSeconds: wild) }
    }
  }
}
