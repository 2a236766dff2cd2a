import Testing

@testable import JSON

@Suite struct JSONStringBytesTests {
  /// What comes out of text that is handed over in pieces of so many bytes.
  func written(_ text: [UInt8]) -> String {
    var output = [UInt8](repeating: 0, count: JSONStringBytes.room(for: text.count))
    let (read, count) = text.withUnsafeBytes { text in
      output.withUnsafeMutableBufferPointer { output in
        output.baseAddress.map { JSONStringBytes.write(text, to: $0, endsHere: true) } ?? (0, 0)
      }
    }
    #expect(read == text.count)
    return "\"" + String(decoding: output[..<count], as: UTF8.self) + "\""
  }

  @Test func `Any bytes become a string that reads as their repaired text`() throws {
    var generator = SystemRandomNumberGenerator()
    let pieces: [[UInt8]] = [
      Array("plain text that is longer than thirty-two bytes, to be copied at once".utf8), Array("ä€😀".utf8),
      [0], [0x1F], [0x7F], Array("\"\\\n\r\t".utf8), [0xFF], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
      [0xED, 0xA0, 0x80],
      [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
    ]
    for _ in 0..<2000 {
      var text: [UInt8] = []
      for _ in 0..<Int.random(in: 0..<12, using: &generator) {
        let piece = pieces[Int.random(in: 0..<pieces.count, using: &generator)]
        text += piece.prefix(Int.random(in: 1...piece.count, using: &generator))
      }
      #expect(try JSONParser.parse(written(text)) == .string(String(decoding: text, as: UTF8.self)))
    }
  }

  @Test func `A character that is cut off is left to the caller, unless the text ends with it`() {
    let text: [UInt8] = Array("ab".utf8) + [0xE2, 0x82]
    var output = [UInt8](repeating: 0, count: JSONStringBytes.room(for: text.count))
    let (read, count) = text.withUnsafeBytes { text in
      output.withUnsafeMutableBufferPointer { output in
        output.baseAddress.map { JSONStringBytes.write(text, to: $0, endsHere: false) } ?? (0, 0)
      }
    }
    #expect(read == 2 && count == 2)
    #expect(written(text) == "\"ab\u{FFFD}\"")
  }
}
