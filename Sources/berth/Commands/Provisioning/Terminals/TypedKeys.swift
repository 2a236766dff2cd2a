/// What is typed into a shell: as text for the protocol, and watched for `~.` at the start of a line, which leaves it.
struct TypedKeys {
  private enum Place { case startOfLine, afterTilde, inLine }

  /// Whether `~` at the start of a line is special.
  private let hasEscape: Bool
  private var place = Place.startOfLine
  /// The beginning of a character whose end has not come yet.
  private var rest: [UInt8] = []

  init(hasEscape: Bool) {
    self.hasEscape = hasEscape
  }

  /// Takes bytes in.
  ///
  /// - Returns: The text to send, and whether the shell is to be left after that.
  mutating func take(_ bytes: some Sequence<UInt8>) -> (text: String, leaves: Bool) {
    var leaves = false
    for byte in bytes {
      if hasEscape, !passes(byte, &leaves) {
        if leaves { break }
        continue
      }
      rest.append(byte)
    }
    let end = Self.endOfWhole(rest)
    defer { rest.removeFirst(end) }
    return (String(decoding: rest[..<end], as: UTF8.self), leaves)
  }

  /// - Returns: Whether the byte goes through. A tilde at the start of a line waits for what follows.
  private mutating func passes(_ byte: UInt8, _ leaves: inout Bool) -> Bool {
    let tilde = UInt8(ascii: "~")
    switch (place, byte) {
    case (.startOfLine, tilde):
      place = .afterTilde
      return false
    case (.afterTilde, UInt8(ascii: ".")):
      leaves = true
      return false
    case (.afterTilde, _):
      // Two of them are one.
      if byte != tilde { rest.append(tilde) }
    default: break
    }
    place = byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") ? .startOfLine : .inLine
    return true
  }

  /// Where the last whole character ends: what is no UTF-8 counts as whole.
  private static func endOfWhole(_ bytes: [UInt8]) -> Int {
    guard let start = bytes.suffix(3).lastIndex(where: { $0 & 0xC0 != 0x80 }), (0xC2...0xF4).contains(bytes[start])
    else {
      return bytes.count
    }
    let length = bytes[start] >= 0xF0 ? 4 : bytes[start] >= 0xE0 ? 3 : 2
    return bytes.count - start < length ? start : bytes.count
  }
}
