extension JSONScanner {
  /// Passes over a string, checking its escapes and that it is UTF-8.
  ///
  /// - Returns: The bytes between the quotes, and whether they hold no escapes, so that they are the text itself.
  package mutating func skipString() throws(JSONSyntaxError) -> (range: Range<Int>, isPlain: Bool) {
    position += 1
    let start = position
    var isPlain = true
    while true {
      skipPlainText()
      guard position < bytes.count else { throw fault("the text ends inside a string") }
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return (start..<position - 1, isPlain)
      case UInt8(ascii: "\\"):
        isPlain = false
        try skipEscape()
      case 0x80...:
        try skipUTF8(lead: byte)
      default:
        throw fault("a control character inside a string must be escaped")
      }
    }
  }

  /// Passes over printable ASCII other than quotes and backslashes, eight bytes at a time.
  @inline(__always)
  private mutating func skipPlainText() {
    while position &+ 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      guard JSONText.isPlain(word) else { break }
      position &+= 8
    }
    while position < bytes.count, JSONText.isPlain(bytes[position]) { position &+= 1 }
  }

  private mutating func skipEscape() throws(JSONSyntaxError) {
    position += 1
    switch current {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      position += 1
      for _ in 0..<4 {
        guard hexDigit(current) != nil else { throw fault("expected four hexadecimal digits") }
        position += 1
      }
    default:
      throw fault("unknown escape in a string")
    }
  }

  /// Passes over one character of several bytes (RFC 3629 §4).
  private mutating func skipUTF8(lead: UInt8) throws(JSONSyntaxError) {
    let (length, second): (Int, ClosedRange<UInt8>) =
      switch lead {
      case 0xC2...0xDF: (2, 0x80...0xBF)
      case 0xE0: (3, 0xA0...0xBF)
      case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80...0xBF)
      case 0xED: (3, 0x80...0x9F)
      case 0xF0: (4, 0x90...0xBF)
      case 0xF1...0xF3: (4, 0x80...0xBF)
      case 0xF4: (4, 0x80...0x8F)
      default: (0, 0...0)
      }
    guard length > 0, position + length <= bytes.count, second.contains(bytes[position + 1]) else {
      throw fault("a string is not valid UTF-8")
    }
    for offset in 2..<max(2, length) where bytes[position + offset] & 0xC0 != 0x80 {
      throw fault("a string is not valid UTF-8")
    }
    position += length
  }

  @inline(__always)
  func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x41 + 10)
    case 0x61...0x66: UInt32(byte - 0x61 + 10)
    default: nil
    }
  }

  // MARK: Decoding

  /// The text of a string that `skipString` has passed over.
  package func text(_ string: (range: Range<Int>, isPlain: Bool)) -> String {
    let raw = UnsafeRawBufferPointer(rebasing: bytes[string.range])
    guard !string.isPlain else { return String(decoding: raw, as: UTF8.self) }
    return String(unsafeUninitializedCapacity: raw.count) { decodeEscapes(raw, into: $0) }
  }

  /// Escapes never become longer: `\u` and four digits are six bytes, and at most three in UTF-8.
  private func decodeEscapes(_ raw: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<UInt8>) -> Int {
    var read = 0
    var written = 0
    func append(_ scalar: Unicode.Scalar) {
      for unit in Unicode.UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter {
        output[written] = unit
        written += 1
      }
    }
    while read < raw.count {
      let byte = raw[read]
      read += 1
      guard byte == UInt8(ascii: "\\") else {
        output[written] = byte
        written += 1
        continue
      }
      let escape = raw[read]
      read += 1
      switch escape {
      case UInt8(ascii: "b"): append("\u{8}")
      case UInt8(ascii: "f"): append("\u{C}")
      case UInt8(ascii: "n"): append("\n")
      case UInt8(ascii: "r"): append("\r")
      case UInt8(ascii: "t"): append("\t")
      case UInt8(ascii: "u"):
        let unit = codeUnit(raw, at: read)
        read += 4
        guard 0xD800..<0xDC00 ~= unit, read + 6 <= raw.count, raw[read] == UInt8(ascii: "\\"),
          raw[read + 1] == UInt8(ascii: "u"), case let low = codeUnit(raw, at: read + 2), 0xDC00..<0xE000 ~= low
        else {
          // A surrogate alone stands for no character.
          append(Unicode.Scalar(unit) ?? "\u{FFFD}")
          continue
        }
        read += 6
        append(Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}")
      default: append(Unicode.Scalar(escape))
      }
    }
    return written
  }

  private func codeUnit(_ raw: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 4 | (hexDigit(raw[index + $1]) ?? 0) }
  }
}

/// Which bytes stand for themselves in a JSON string.
package enum JSONText {
  @inline(__always)
  static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// Whether all eight bytes of a word are plain ASCII: none below 0x20, none from 0x80, no quote and no backslash.
  @inline(__always)
  static func isPlain(_ word: UInt64) -> Bool { faults(word) == 0 }

  /// How many bytes of a word, from its first in memory on, are plain ASCII.
  @inline(__always)
  static func plainCount(_ word: UInt64) -> Int { faults(UInt64(littleEndian: word)).trailingZeroBitCount >> 3 }

  /// A word whose lowest bit that is set is in the first byte that is not plain; 0 where all are.
  @inline(__always)
  static func faults(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* 0x22)
    let backslashes = word ^ (ones &* 0x5C)
    let controls = word &- (ones &* 0x20)
    return (controls | (quotes &- ones) | (backslashes &- ones) | word) & highs
  }

  /// As `isPlain`, but bytes from 0x80 are let pass: for text that is known to be UTF-8.
  @inline(__always)
  static func needsNoEscape(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* 0x22)
    let backslashes = word ^ (ones &* 0x5C)
    let controls = (word &- (ones &* 0x20)) & ~word
    let faults = controls | ((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes)
    return faults & highs == 0
  }

  /// A number of bytes that a text takes at most as the content of a JSON string. It is exact for text without escapes,
  /// and found at the speed of memory.
  package static func longestLength(of text: UnsafeRawBufferPointer) -> Int {
    var wordsWithEscapes = 0
    var index = 0
    while index &+ 8 <= text.count {
      if !needsNoEscape(text.loadUnaligned(fromByteOffset: index, as: UInt64.self)) { wordsWithEscapes &+= 1 }
      index &+= 8
    }
    // Any byte of such a word may take six.
    return text.count + wordsWithEscapes * 40 + (text.count - index) * 5
  }
}
