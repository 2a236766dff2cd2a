/// Why a text is not JSON, and where.
package struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong, in words.
  package var message: String
  /// How many bytes stand before the fault.
  package var offset: Int

  package var description: String { "\(message) at byte \(offset)" }

  /// The line and column of the fault, both from 1; the column counts bytes.
  package func location(in text: some Sequence<UInt8>) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for byte in text.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else {
        column += 1
      }
    }
    return (line, column)
  }
}

/// Walks over JSON text without building values: it checks the syntax (RFC 8259), that strings are UTF-8, and the depth.
///
/// The envelope of a message is read with it at about the speed of a copy; `JSONParser` builds values on top of it.
/// The buffer must outlive the scanner.
package struct JSONScanner {
  /// Deeper nesting is refused, so that recursion stays within a thread's stack.
  package static let maximumDepth = 512

  package let bytes: UnsafeRawBufferPointer
  package var position: Int

  package init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  package func fault(_ message: String) -> JSONSyntaxError {
    JSONSyntaxError(message: message, offset: position)
  }

  /// The byte at the position; 0, which no JSON text holds, at the end.
  @inline(__always)
  package var current: UInt8 {
    position < bytes.count ? bytes[position] : 0
  }

  package var isAtEnd: Bool { position >= bytes.count }

  @inline(__always)
  package mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  package mutating func expect(_ byte: UInt8, _ what: String) throws(JSONSyntaxError) {
    guard current == byte else { throw fault(isAtEnd ? "the text ends where \(what) should be" : "expected \(what)") }
    position += 1
  }

  /// Passes over one value.
  package mutating func skipValue(depth: Int = 0) throws(JSONSyntaxError) {
    skipWhitespace()
    switch current {
    case UInt8(ascii: "\""): _ = try skipString()
    case UInt8(ascii: "{"):
      var members = try enterObject(depth: depth)
      while members {
        _ = try skipKey()
        try skipValue(depth: depth + 1)
        members = try nextMember()
      }
    case UInt8(ascii: "["):
      var elements = try enterArray(depth: depth)
      while elements {
        try skipValue(depth: depth + 1)
        elements = try nextElement()
      }
    case UInt8(ascii: "t"): try skipWord("true")
    case UInt8(ascii: "f"): try skipWord("false")
    case UInt8(ascii: "n"): try skipWord("null")
    default: _ = try skipNumber()
    }
  }

  // MARK: Objects and arrays

  /// Passes over `{`. - Returns: Whether a member follows; otherwise `}` has been passed too.
  package mutating func enterObject(depth: Int) throws(JSONSyntaxError) -> Bool {
    try enter(UInt8(ascii: "}"), depth: depth)
  }

  /// Passes over `[`. - Returns: Whether an element follows; otherwise `]` has been passed too.
  package mutating func enterArray(depth: Int) throws(JSONSyntaxError) -> Bool {
    try enter(UInt8(ascii: "]"), depth: depth)
  }

  private mutating func enter(_ closing: UInt8, depth: Int) throws(JSONSyntaxError) -> Bool {
    guard depth < Self.maximumDepth else { throw fault("more than \(Self.maximumDepth) levels of nesting") }
    position += 1
    skipWhitespace()
    guard current == closing else { return true }
    position += 1
    return false
  }

  /// Passes over a member's name and the colon. - Returns: The name without its quotes, as it is written.
  package mutating func skipKey() throws(JSONSyntaxError) -> (range: Range<Int>, isPlain: Bool) {
    skipWhitespace()
    guard current == UInt8(ascii: "\"") else { throw fault("expected a member's name in quotes") }
    let key = try skipString()
    skipWhitespace()
    try expect(UInt8(ascii: ":"), "a colon")
    return key
  }

  /// After a member's value: passes over `,` or `}`. - Returns: Whether another member follows.
  package mutating func nextMember() throws(JSONSyntaxError) -> Bool {
    try next(UInt8(ascii: "}"), "a comma or a closing brace")
  }

  /// After an element: passes over `,` or `]`. - Returns: Whether another element follows.
  package mutating func nextElement() throws(JSONSyntaxError) -> Bool {
    try next(UInt8(ascii: "]"), "a comma or a closing bracket")
  }

  private mutating func next(_ closing: UInt8, _ what: String) throws(JSONSyntaxError) -> Bool {
    skipWhitespace()
    if current == UInt8(ascii: ",") {
      position += 1
      return true
    }
    try expect(closing, what)
    return false
  }

  // MARK: Words and numbers

  package mutating func skipWord(_ word: StaticString) throws(JSONSyntaxError) {
    let length = word.utf8CodeUnitCount
    guard position + length <= bytes.count else { throw fault("expected a value") }
    for index in 0..<length where bytes[position + index] != word.utf8Start[index] {
      throw fault("expected a value")
    }
    position += length
  }

  /// Passes over a number. - Returns: Whether it is written as an integer.
  package mutating func skipNumber() throws(JSONSyntaxError) -> Bool {
    guard !isAtEnd else { throw fault("the text ends where a value should be") }
    if current == UInt8(ascii: "-") { position += 1 }
    if current == UInt8(ascii: "0") {
      position += 1
    } else {
      try skipDigits()
    }
    var isInteger = true
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try skipDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try skipDigits()
    }
    return isInteger
  }

  private mutating func skipDigits() throws(JSONSyntaxError) {
    let start = position
    while current &- 0x30 < 10 { position += 1 }
    guard position > start else { throw fault("expected a value") }
  }
}
