/// A pattern for one name, without slashes: one part of a `Glob`.
///
/// It works on bytes as git does, except that `?` and `[…]` take whole characters where the name is valid UTF-8.
struct NamePattern: Sendable, Hashable {
  private enum Token: Sendable, Hashable {
    case byte(UInt8)
    /// `?`
    case character
    /// `*`
    case any
    case set(CharacterSet)
  }

  private let tokens: [Token]
  /// The name itself, where the pattern has nothing special: the usual case.
  private let literal: [UInt8]?

  /// nil for a pattern that is cut off in the middle of `[…]` or of `\`.
  init?(_ pattern: ArraySlice<UInt8>) {
    var tokens: [Token] = []
    var rest = pattern
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "*"): if tokens.last != .any { tokens.append(.any) }
      case UInt8(ascii: "?"): tokens.append(.character)
      case UInt8(ascii: "["):
        guard let set = CharacterSet(parsing: &rest) else { return nil }
        tokens.append(.set(set))
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { return nil }
        tokens.append(.byte(escaped))
      default: tokens.append(.byte(byte))
      }
    }
    self.tokens = tokens
    let bytes = tokens.compactMap { if case .byte(let byte) = $0 { byte } else { nil } }
    literal = bytes.count == tokens.count ? bytes : nil
  }

  /// Whether the whole of `name` matches. Where it fails, the last `*` takes one byte more.
  func matches(_ name: ArraySlice<UInt8>) -> Bool {
    if let literal { return literal.elementsEqual(name) }
    var token = 0
    var index = name.startIndex
    var retry: (token: Int, index: Int)?
    while index < name.endIndex || token < tokens.count {
      if token < tokens.count {
        if case .any = tokens[token] {
          retry = (token + 1, index)
          token += 1
          continue
        }
        if let next = advance(over: tokens[token], in: name, at: index) {
          token += 1
          index = next
          continue
        }
      }
      guard let last = retry, last.index < name.endIndex else { return false }
      retry = (last.token, last.index + 1)
      token = last.token
      index = last.index + 1
    }
    return true
  }

  /// Where the name goes on behind what the token matches; nil where it does not.
  private func advance(over token: Token, in name: ArraySlice<UInt8>, at index: Int) -> Int? {
    guard index < name.endIndex else { return nil }
    switch token {
    case .byte(let byte): return name[index] == byte ? index + 1 : nil
    case .character: return UTF8Character(name[index...]).end
    case .set(let set):
      let character = UTF8Character(name[index...])
      return set.contains(character.value) ? character.end : nil
    case .any: return nil
    }
  }
}

/// The first character of some bytes: a Unicode scalar, or one byte where they are not valid UTF-8.
private struct UTF8Character {
  var value: UInt32
  /// The index behind it.
  var end: Int

  init(_ bytes: ArraySlice<UInt8>) {
    let first = bytes.first ?? 0
    value = UInt32(first)
    end = min(bytes.startIndex + 1, bytes.endIndex)
    guard first >= 0xC2, first <= 0xF4 else { return }
    let following = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3
    let rest = bytes.dropFirst().prefix(following)
    guard rest.count == following, rest.allSatisfy({ $0 & 0xC0 == 0x80 }) else { return }
    value = rest.reduce(value & (0x3F >> UInt32(following))) { $0 << 6 | UInt32($1 & 0x3F) }
    end = rest.endIndex
  }
}

/// What stands between `[` and `]`.
private struct CharacterSet: Sendable, Hashable {
  private var ranges: [ClosedRange<UInt32>] = []
  private var isNegated = false

  /// Reads a set behind its `[`; nil where its `]` is missing or a class is unknown.
  init?(parsing rest: inout ArraySlice<UInt8>) {
    if rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^") {
      isNegated = true
      rest.removeFirst()
    }
    var isFirst = true
    while true {
      guard let byte = rest.first else { return nil }
      // A `]` at the beginning is a member.
      if byte == UInt8(ascii: "]") && !isFirst {
        rest.removeFirst()
        return
      }
      isFirst = false
      if rest.starts(with: "[:".utf8), let end = rest.dropFirst(2).firstIndex(of: UInt8(ascii: "]")),
        rest[end - 1] == UInt8(ascii: ":"), end - 1 >= rest.startIndex + 2
      {
        let name = String(decoding: rest[(rest.startIndex + 2)..<(end - 1)], as: UTF8.self)
        guard let members = Self.classes[name] else { return nil }
        ranges += members
        rest = rest[(end + 1)...]
        continue
      }
      guard let low = Self.member(&rest) else { return nil }
      if rest.first == UInt8(ascii: "-"), let next = rest.dropFirst().first, next != UInt8(ascii: "]") {
        rest.removeFirst()
        guard let high = Self.member(&rest) else { return nil }
        if low <= high { ranges.append(low...high) }
      } else {
        ranges.append(low...low)
      }
    }
  }

  func contains(_ character: UInt32) -> Bool {
    ranges.contains { $0.contains(character) } != isNegated
  }

  private static func member(_ rest: inout ArraySlice<UInt8>) -> UInt32? {
    if rest.first == UInt8(ascii: "\\") { rest.removeFirst() }
    guard !rest.isEmpty else { return nil }
    let character = UTF8Character(rest)
    rest = rest[character.end...]
    return character.value
  }

  private static func range(_ low: Unicode.Scalar, _ high: Unicode.Scalar) -> ClosedRange<UInt32> {
    low.value...high.value
  }

  /// The classes of POSIX, for ASCII.
  private static let classes: [String: [ClosedRange<UInt32>]] = [
    "alpha": [range("a", "z"), range("A", "Z")],
    "digit": [range("0", "9")],
    "alnum": [range("a", "z"), range("A", "Z"), range("0", "9")],
    "upper": [range("A", "Z")],
    "lower": [range("a", "z")],
    "xdigit": [range("0", "9"), range("a", "f"), range("A", "F")],
    "blank": [range(" ", " "), range("\t", "\t")],
    "space": [range("\t", "\r"), range(" ", " ")],
    "cntrl": [0...31, 127...127],
    "print": [32...126],
    "graph": [33...126],
    "punct": [33...47, 58...64, 91...96, 123...126],
  ]
}
