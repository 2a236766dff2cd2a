import JSON
import Platform

/// The text in a range of a file.
enum FileText {
  /// How many bytes of one character can lie beyond the end of a range.
  static let margin = 3

  /// The text of a whole file, read to where it stays; nil where it is not UTF-8.
  static func whole(_ file: OwnedDescriptor, _ size: Int) throws -> String? {
    var isText = true
    let text = try String(unsafeUninitializedCapacity: size) { buffer in
      LargeMemory.preferLargePages(UnsafeRawBufferPointer(buffer))
      let count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
      isText = (try? UTF8Span(validating: UnsafeBufferPointer(rebasing: buffer[..<count]).span)) != nil
      return isText ? count : 0
    }
    return isText ? text : nil
  }

  /// The text of `range`, cut back to whole characters at its end, and the part of the bytes that it stands for. nil
  /// where the bytes are not UTF-8, or the range begins within a character or does not hold a whole one.
  ///
  /// - Parameters:
  ///   - bytes: The range, and up to `margin` bytes on either side as far as the file has them.
  ///   - mayMove: Whether a range that begins within a character may begin with the next one instead, and one that
  ///     holds no whole character may be widened to it.
  static func decode(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, mayMove: Bool) -> (String, Range<Int>)? {
    guard !range.isEmpty else { return ("", range) }
    let start = boundary(in: bytes, atOrAfter: range.lowerBound)
    guard mayMove || start == range.lowerBound else { return nil }
    let end = boundary(in: bytes, atOrBefore: range.upperBound)
    if start < end {
      return String(validating: bytes[start..<end], as: UTF8.self).map { ($0, start..<end) }
    }
    // Not one whole character: the range lies within one.
    guard mayMove else { return nil }
    let first = boundary(in: bytes, atOrBefore: range.lowerBound)
    let next = boundary(in: bytes, atOrAfter: first + 1)
    return String(validating: bytes[first..<next], as: UTF8.self).map { ($0, first..<next) }
  }

  /// The nearest boundary between characters. Where the bytes around are no character, `index` itself.
  private static func boundary(in bytes: UnsafeRawBufferPointer, atOrBefore index: Int) -> Int {
    character(in: bytes, across: index)?.lowerBound ?? index
  }

  private static func boundary(in bytes: UnsafeRawBufferPointer, atOrAfter index: Int) -> Int {
    character(in: bytes, across: index)?.upperBound ?? index
  }

  /// The character that begins before `index` and ends behind it; nil where `index` is between characters.
  private static func character(in bytes: UnsafeRawBufferPointer, across index: Int) -> Range<Int>? {
    guard index < bytes.count, bytes[index] & 0xC0 == 0x80 else { return nil }
    for start in stride(from: index - 1, through: max(0, index - margin), by: -1) where bytes[start] & 0xC0 != 0x80 {
      let length =
        switch bytes[start] {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
      let end = start + length
      guard end > index, end <= bytes.count, String(validating: bytes[start..<end], as: UTF8.self) != nil else {
        return nil
      }
      return start..<end
    }
    return nil
  }

  /// Whether a string takes at most so many bytes in JSON, its quotes left out.
  static func fitsInJSON(_ text: String, limit: Int) -> Bool {
    var text = text
    // Control characters take up to six bytes. Only where that matters is each looked at.
    let count = text.utf8.count
    if count <= limit / 6 { return true }
    return text.withUTF8 { bytes in
      if JSONText.longestLength(of: UnsafeRawBufferPointer(bytes)) <= limit { return true }
      return bytes.reduce(0) { $0 + lengthInJSON($1) } <= limit
    }
  }

  private static func lengthInJSON(_ byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): 2
    case 0..<0x20: 6
    default: 1
    }
  }
}
