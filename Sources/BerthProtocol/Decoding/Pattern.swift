/// A regular expression that was taken apart when the code was generated.
///
/// It matches whole texts. The generator takes only expressions in which the next character tells what to do, so that
/// a text is walked through once and never back.
struct Pattern: Sendable {
  indirect enum Step: Sendable {
    case set(CharacterSet, Repetition = .once)
    case group([Step], Repetition = .once)
  }

  enum Repetition: Sendable {
    case once, zeroOrOne, zeroOrMore, oneOrMore

    var mayBeNone: Bool { self == .zeroOrOne || self == .zeroOrMore }
    var mayBeMany: Bool { self == .zeroOrMore || self == .oneOrMore }
  }

  /// The expression, for people.
  let source: String
  private let steps: [Step]

  init(_ source: String, _ steps: Step...) {
    self.source = source
    self.steps = steps
  }

  func matches(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var position = 0
      return Self.advance(steps, through: bytes, &position) && position == bytes.count
    }
  }

  private static func advance(
    _ steps: [Step], through bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int
  ) -> Bool {
    for step in steps {
      var count = 0
      let repetition: Repetition
      switch step {
      case .set(let characters, let howOften):
        repetition = howOften
        while position < bytes.count, repetition.mayBeMany || count == 0, characters.contains(bytes[position]) {
          position += 1
          count += 1
        }
      case .group(let inner, let howOften):
        repetition = howOften
        while repetition.mayBeMany || count == 0 {
          let start = position
          guard advance(inner, through: bytes, &position) else {
            // A round that fails after its first character could not have been anything else.
            if position != start { return false }
            break
          }
          count += 1
        }
      }
      if count == 0, !repetition.mayBeNone { return false }
    }
    return true
  }

  /// A set of ASCII characters, written as in a character class: `A-Za-z0-9_-`.
  struct CharacterSet: Sendable, ExpressibleByStringLiteral {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(stringLiteral text: StaticString) {
      var rest = text.withUTF8Buffer { Array($0)[...] }
      while let first = rest.popFirst() {
        var last = first
        if rest.count > 1, rest.first == UInt8(ascii: "-") {
          last = rest[rest.startIndex + 1]
          rest.removeFirst(2)
        }
        for byte in first...max(first, last) { insert(byte) }
      }
    }

    private mutating func insert(_ byte: UInt8) {
      if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte & 63) }
    }

    func contains(_ byte: UInt8) -> Bool {
      switch byte {
      case ..<64: low >> UInt64(byte) & 1 == 1
      case ..<128: high >> UInt64(byte - 64) & 1 == 1
      default: false
      }
    }
  }
}
