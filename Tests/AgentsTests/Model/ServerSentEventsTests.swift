import Testing

@testable import Agents

struct ServerSentEventsTests {
  private func events(_ pieces: [[UInt8]], maximumBytes: Int = 1 << 20) throws -> [String] {
    var parser = ServerSentEvents(maximumBytes: maximumBytes)
    var events: [[UInt8]] = []
    for piece in pieces { events += try piece.withUnsafeBytes { try parser.take($0) } }
    events += parser.finish()
    return events.map { String(decoding: $0, as: UTF8.self) }
  }

  private static let stream = Array(
    "\u{FEFF}: hello\r\ndata: one\r\n\r\nevent: x\ndata:two\ndata:  lines\nid: 7\n\ndata\n\ndata: grün 😀\r\rretry: 1\n\n: \n\ndata: [DONE]\n\n"
      .utf8)
  private static let expected = ["one", "two\n lines", "", "grün 😀", "[DONE]"]

  @Test func `events are the same wherever the stream is cut`() throws {
    #expect(try events([Self.stream]) == Self.expected)
    for first in 0...Self.stream.count {
      #expect(try events([Array(Self.stream[..<first]), Array(Self.stream[first...])]) == Self.expected, "\(first)")
    }
    #expect(try events(Self.stream.map { [$0] }) == Self.expected)
    for size in 2...9 {
      let pieces = stride(from: 0, to: Self.stream.count, by: size).map {
        Array(Self.stream[$0..<min($0 + size, Self.stream.count)])
      }
      #expect(try events(pieces) == Self.expected, "pieces of \(size)")
    }
  }

  @Test func `two cuts lose nothing either`() throws {
    let stream = Array("data: a\r\n\r\ndata: ü\n\ndata: b\r\r".utf8)
    for first in 0...stream.count {
      for second in first...stream.count {
        let pieces = [Array(stream[..<first]), Array(stream[first..<second]), Array(stream[second...])]
        #expect(try events(pieces) == ["a", "ü", "b"], "\(first), \(second)")
      }
    }
  }

  @Test func `what has no empty line behind it at the end is an event too`() throws {
    #expect(try events([Array("data: a\n\ndata: b".utf8)]) == ["a", "b"])
    #expect(try events([Array("data: a\n".utf8)]) == ["a"])
    #expect(try events([]) == [])
  }

  @Test func `a line without an end is not collected for ever`() throws {
    let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
    #expect(throws: ServerSentEvents.TooLong.self) {
      _ = try events(Array(repeating: piece, count: 20), maximumBytes: 1000)
    }
    let lines = Array("data: 0123456789\n".utf8)
    #expect(throws: ServerSentEvents.TooLong.self) {
      _ = try events(Array(repeating: lines, count: 200), maximumBytes: 1000)
    }
  }
}
