/// Writes bytes that may be anything as the content of a JSON string, without a `String` in between.
///
/// For text that comes by the gigabyte: what a process prints, the lines of a log.
package enum JSONStringBytes {
  /// How much room ``write(_:to:endsHere:)`` needs for so many bytes.
  package static func room(for count: Int) -> Int { count * 6 + 32 }

  /// Writes text, escaped, with U+FFFD in the place of what is not UTF-8.
  ///
  /// - Parameters:
  ///   - output: At least ``room(for:)`` bytes, all of which may be written to.
  ///   - endsHere: Whether a character that is cut off at the end is wrong, too; otherwise it is left for the caller,
  ///     who has its rest in the next text.
  /// - Returns: How many bytes of the text were read, at most three fewer than all, and how many were written.
  package static func write(
    _ text: UnsafeRawBufferPointer, to output: UnsafeMutablePointer<UInt8>, endsHere: Bool
  ) -> (read: Int, written: Int) {
    var read = 0
    var written = 0
    while read < text.count {
      // Bytes are copied first and looked at then: most often they were right.
      if read &+ 32 <= text.count, copy32(text, from: read, to: output + written) {
        read &+= 32
        written &+= 32
        continue
      }
      if read &+ 8 <= text.count {
        let word = text.loadUnaligned(fromByteOffset: read, as: UInt64.self)
        UnsafeMutableRawPointer(output + written).storeBytes(of: word, as: UInt64.self)
        let plain = JSONText.plainCount(word)
        read &+= plain
        written &+= plain
        if plain == 8 { continue }
      }
      let byte = text[read]
      if JSONText.isPlain(byte) {
        output[written] = byte
        read &+= 1
        written &+= 1
      } else if byte < 0x80 {
        written &+= escape(byte, to: output + written)
        read &+= 1
      } else {
        let (length, state) = character(text, at: read)
        switch state {
        case .whole:
          for index in 0..<length { output[written &+ index] = text[read &+ index] }
          written &+= length
        case .cut where !endsHere:
          return (read, written)
        case .cut, .wrong:
          (output[written], output[written + 1], output[written + 2]) = (0xEF, 0xBF, 0xBD)
          written &+= 3
        }
        read &+= length
      }
    }
    return (read, written)
  }

  /// Copies 32 bytes. - Returns: Whether all of them stand for themselves.
  @inline(__always)
  private static func copy32(
    _ text: UnsafeRawBufferPointer, from index: Int, to output: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    let words = text.loadUnaligned(fromByteOffset: index, as: (UInt64, UInt64, UInt64, UInt64).self)
    UnsafeMutableRawPointer(output).storeBytes(of: words, as: (UInt64, UInt64, UInt64, UInt64).self)
    return JSONText.faults(words.0) | JSONText.faults(words.1) | JSONText.faults(words.2) | JSONText.faults(words.3)
      == 0
  }

  private static func escape(_ byte: UInt8, to output: UnsafeMutablePointer<UInt8>) -> Int {
    output[0] = UInt8(ascii: "\\")
    let letter: UInt8? =
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
      case UInt8(ascii: "\n"): UInt8(ascii: "n")
      case UInt8(ascii: "\r"): UInt8(ascii: "r")
      case UInt8(ascii: "\t"): UInt8(ascii: "t")
      default: nil
      }
    if let letter {
      output[1] = letter
      return 2
    }
    (output[1], output[2], output[3]) = (UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"))
    output[4] = 0x30 + byte >> 4
    output[5] = byte & 15 < 10 ? 0x30 + byte & 15 : 0x57 + byte & 15
    return 6
  }

  private enum CharacterState {
    case whole
    /// The text ends within the character.
    case cut
    case wrong
  }

  /// The character of more than one byte at an index, by table 3-7 of the Unicode standard. Of a wrong one, as much
  /// as could have been the beginning of a right one counts as one (section 3.9, "maximal subpart").
  private static func character(
    _ text: UnsafeRawBufferPointer, at index: Int
  ) -> (length: Int, state: CharacterState) {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch text[index] {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return (1, .wrong)
    }
    for offset in 1..<length {
      guard index + offset < text.count else { return (offset, .cut) }
      guard (offset == 1 ? second : 0x80...0xBF).contains(text[index + offset]) else { return (offset, .wrong) }
    }
    return (length, .whole)
  }
}
