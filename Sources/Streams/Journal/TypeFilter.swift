/// Chooses events by their type: by its whole name, or by how it begins (`job.*`).
package struct TypeFilter: Sendable {
  private struct Pattern: Sendable {
    let text: [UInt8]
    let isPrefix: Bool
  }

  private let patterns: [Pattern]

  /// - Parameter types: Names, or beginnings with a `*` behind them; an event is chosen when one fits.
  package init(_ types: [String]) {
    patterns = types.map { type in
      let isPrefix = type.hasSuffix("*")
      return Pattern(text: Array(isPrefix ? type.utf8.dropLast() : type.utf8[...]), isPrefix: isPrefix)
    }
  }

  /// - Parameter type: The type in UTF-8.
  package func matches(_ type: UnsafeRawBufferPointer) -> Bool {
    patterns.contains { pattern in
      pattern.isPrefix ? type.starts(with: pattern.text) : type.elementsEqual(pattern.text)
    }
  }

  package func matches(_ type: String) -> Bool {
    var type = type
    return type.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
  }
}
