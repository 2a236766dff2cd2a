/// Finds where in a text the value of a path stands.
package enum JSONPlace {
  /// The line and column (both from 1, the column in bytes) of the value at a path of member names and indexes, or of
  /// the innermost value on the path that is there. Nil where the text is not JSON.
  package static func find(_ path: [JSONValue], in text: [UInt8]) -> (line: Int, column: Int)? {
    let offset: Int? = text.withUnsafeBytes { bytes in
      var scanner = JSONScanner(bytes)
      return try? descend(path[...], &scanner)
    }
    return offset.map { JSONSyntaxError(message: "", offset: $0).location(in: text) }
  }

  private static func descend(
    _ path: ArraySlice<JSONValue>, _ scanner: inout JSONScanner
  ) throws(JSONSyntaxError) -> Int {
    scanner.skipWhitespace()
    let start = scanner.position
    switch (path.first, scanner.current) {
    case (.string(let name), UInt8(ascii: "{")):
      var more = try scanner.enterObject(depth: 0)
      while more {
        if scanner.text(try scanner.skipKey()) == name { return try descend(path.dropFirst(), &scanner) }
        try scanner.skipValue()
        more = try scanner.nextMember()
      }
      return start
    case (.integer(let index), UInt8(ascii: "[")):
      var more = try scanner.enterArray(depth: 0)
      var position = 0
      while more {
        if position == index { return try descend(path.dropFirst(), &scanner) }
        try scanner.skipValue()
        position += 1
        more = try scanner.nextElement()
      }
      return start
    default:
      return start
    }
  }
}
