package import JSON

/// A type whose values are words.
package protocol Enumeration: RawRepresentable<String>, CaseIterable, JSONCodable, Sendable, Hashable {}

extension Enumeration {
  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard case .string(let word) = json else {
      decoding.mismatch(json, "a string")
      return nil
    }
    guard let value = Self(rawValue: word) else {
      let words = Self.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
      decoding.fault("enum", "must be one of \(words)")
      return nil
    }
    self = value
  }

  package func encode(into writer: inout JSONWriter) {
    writer.string(rawValue)
  }
}
