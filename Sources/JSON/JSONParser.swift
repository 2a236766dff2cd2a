/// Builds a `JSONValue` from text.
package enum JSONParser {
  /// Parses a text that is one value, with nothing but white space round it.
  ///
  /// The syntax is RFC 8259's, strictly: no comments, no trailing commas, no byte-order mark; at most 512 levels.
  package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> JSONValue {
    var scanner = JSONScanner(bytes)
    let value = try scanner.parseValue(depth: 0)
    scanner.skipWhitespace()
    guard scanner.isAtEnd else { throw scanner.fault("more text after the end of the value") }
    return value
  }

  package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
    try bytes.withUnsafeBufferPointer { (buffer) throws(JSONSyntaxError) in
      try parse(UnsafeRawBufferPointer(buffer))
    }
  }

  package static func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue {
    try parse(Array(text.utf8))
  }
}

extension JSONScanner {
  package mutating func parseValue(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    skipWhitespace()
    switch current {
    case UInt8(ascii: "\""):
      return .string(text(try skipString()))
    case UInt8(ascii: "{"):
      var members: [JSONObject.Member] = []
      var more = try enterObject(depth: depth)
      while more {
        let key = text(try skipKey())
        members.append(JSONObject.Member(key: key, value: try parseValue(depth: depth + 1)))
        more = try nextMember()
      }
      return .object(JSONObject(members))
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      var more = try enterArray(depth: depth)
      while more {
        elements.append(try parseValue(depth: depth + 1))
        more = try nextElement()
      }
      return .array(elements)
    case UInt8(ascii: "t"):
      try skipWord("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try skipWord("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try skipWord("null")
      return .null
    default:
      return try parseNumber()
    }
  }

  private mutating func parseNumber() throws(JSONSyntaxError) -> JSONValue {
    let start = position
    if try skipNumber(), let integer = integer(start..<position) { return .integer(integer) }
    let digits = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let number = Double(digits), number.isFinite else {
      position = start
      throw fault("a number is too large")
    }
    return .number(number)
  }

  /// The integer that is written there; nil where it does not fit 64 bits.
  private func integer(_ range: Range<Int>) -> Int? {
    var index = range.lowerBound
    let isNegative = bytes[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    var result = 0
    while index < range.upperBound {
      let digit = Int(bytes[index] &- 0x30)
      let (shifted, overflow) = result.multipliedReportingOverflow(by: 10)
      let (sum, carry) =
        isNegative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
      if overflow || carry { return nil }
      result = sum
      index += 1
    }
    return result
  }
}
