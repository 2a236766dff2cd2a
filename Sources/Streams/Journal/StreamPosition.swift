/// A place in a stream: that of an event, which stands behind it.
///
/// On the wire it is a cursor: 17 characters whose alphabetical order is the order of the positions.
package struct StreamPosition: Sendable, Hashable, Comparable {
  /// What the second number counts in: the stream's id, the log file's generation, the journal's beginning in
  /// memory. Below 2^45.
  package var high: UInt64
  /// The event's number, or its end in bytes. Below 2^40.
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package static func < (a: StreamPosition, b: StreamPosition) -> Bool {
    (a.high, a.low) < (b.high, b.low)
  }
}

// MARK: - Cursors

extension StreamPosition {
  static let cursorLength = 17
  private static let highCharacters = 9
  private static let lowCharacters = 8
  /// Crockford's base32, lower case: its order is that of ASCII.
  private static let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"

  package var cursor: String {
    String(unsafeUninitializedCapacity: Self.cursorLength) { buffer in
      write(to: UnsafeMutableBufferPointer(rebasing: buffer[0..<Self.cursorLength]))
      return Self.cursorLength
    }
  }

  /// Nil where the text was not made by ``cursor``.
  package init?(cursor: String) {
    let text = cursor.utf8
    guard text.count == Self.cursorLength else { return nil }
    var numbers: (high: UInt64, low: UInt64) = (0, 0)
    for (index, byte) in text.enumerated() {
      guard let digit = Self.digit(byte) else { return nil }
      if index < Self.highCharacters {
        numbers.high = numbers.high << 5 | digit
      } else {
        numbers.low = numbers.low << 5 | digit
      }
    }
    self.init(high: numbers.high, low: numbers.low)
  }

  /// - Parameter buffer: Of ``cursorLength`` bytes.
  func write(to buffer: UnsafeMutableBufferPointer<UInt8>) {
    Self.write(high, to: buffer, at: 0, characters: Self.highCharacters)
    Self.write(low, to: buffer, at: Self.highCharacters, characters: Self.lowCharacters)
  }

  @inline(__always)
  private static func write(
    _ number: UInt64, to buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int, characters: Int
  ) {
    var rest = number
    for index in stride(from: start + characters - 1, through: start, by: -1) {
      buffer[index] = alphabet.utf8Start[Int(truncatingIfNeeded: rest & 31)]
      rest >>= 5
    }
  }

  private static func digit(_ byte: UInt8) -> UInt64? {
    UnsafeBufferPointer(start: alphabet.utf8Start, count: 32).firstIndex(of: byte).map { UInt64($0) }
  }
}
