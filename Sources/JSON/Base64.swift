/// Base64 of RFC 4648 §4, with padding.
package enum Base64 {
  package static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: encodedLength(bytes.count)) { output in
      var out = 0
      var index = 0
      func put(_ value: UInt32, _ characters: Int) {
        for position in 0..<4 {
          let shift = UInt32(18 - 6 * position)
          output[out + position] =
            position < characters ? alphabet.utf8Start[Int(value >> shift & 63)] : UInt8(ascii: "=")
        }
        out += 4
      }
      while index + 3 <= bytes.count {
        put(UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]), 4)
        index += 3
      }
      if bytes.count - index == 1 { put(UInt32(bytes[index]) << 16, 2) }
      if bytes.count - index == 2 { put(UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8, 3) }
      return out
    }
  }

  package static func encode(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { encode($0) } }

  /// How many characters stand for `count` bytes.
  package static func encodedLength(_ count: Int) -> Int { (count + 2) / 3 * 4 }

  /// nil for text that is not base64: other characters, white space included, missing padding, or bits left over.
  package static func decode(_ text: String) -> [UInt8]? {
    var text = text
    return text.withUTF8 { decode($0) }
  }

  private static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 4) else { return nil }
    guard !text.isEmpty else { return [] }
    let padding = text[text.count - 1] != UInt8(ascii: "=") ? 0 : text[text.count - 2] != UInt8(ascii: "=") ? 1 : 2
    let count = text.count / 4 * 3 - padding
    var isValid = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
      for group in 0..<(text.count / 4) {
        let isLast = group == text.count / 4 - 1
        var value: UInt32 = 0
        for position in 0..<4 {
          let isPadding = isLast && position >= 4 - padding
          let digit = isPadding ? 0 : digits[Int(text[group * 4 + position])]
          isValid = isValid && digit < 64
          value = value << 6 | UInt32(digit & 63)
        }
        for position in 0..<(isLast ? 3 - padding : 3) {
          output[group * 3 + position] = UInt8(truncatingIfNeeded: value >> UInt32(16 - 8 * position))
        }
        if isLast && padding > 0 && value & (padding == 1 ? 0xFF : 0xFFFF) != 0 { isValid = false }
      }
      initialized = count
    }
    return isValid ? bytes : nil
  }

  private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  /// The value of each character; 255 for those that are none.
  private static let digits: [UInt8] = {
    var digits = [UInt8](repeating: 255, count: 256)
    for value in 0..<64 { digits[Int(alphabet.utf8Start[value])] = UInt8(value) }
    return digits
  }()
}
