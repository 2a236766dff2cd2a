/// Makes whole lines of what comes in pieces: an event never ends within one, unless it is very long.
struct LineGatherer: Sendable {
  /// A line that is longer is told in pieces.
  static let longest = 64 << 10
  private var rest: [UInt8] = []

  /// - Returns: What is whole by now, with what was kept back before; empty where that is nothing.
  mutating func add(_ bytes: [UInt8]) -> [UInt8] {
    guard let end = bytes.lastIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) else {
      rest += bytes
      return rest.count > Self.longest ? takeRest(keepingCharacter: true) : []
    }
    let whole = rest.isEmpty ? Array(bytes[...end]) : rest + bytes[...end]
    rest = Array(bytes[(end + 1)...])
    return whole
  }

  /// - Returns: What is left at the end.
  mutating func finish() -> [UInt8] { takeRest(keepingCharacter: false) }

  /// - Parameter keepingCharacter: Whether the beginning of a character of UTF-8 at the end is kept back.
  private mutating func takeRest(keepingCharacter: Bool) -> [UInt8] {
    var end = rest.count
    if keepingCharacter {
      let start = rest.suffix(4).lastIndex { $0 & 0xC0 != 0x80 }
      if let start, rest[start] >= 0xC0 { end = start }
    }
    defer { rest = Array(rest[end...]) }
    return Array(rest[..<end])
  }
}
