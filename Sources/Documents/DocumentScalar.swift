package import JSON

/// A single value, as it was written.
package struct DocumentScalar: Sendable, Hashable {
  /// The text, without quotes and with escapes read.
  package let text: String
  /// Whether it was written without quotes, so that it may be a number, a boolean or null.
  package let isPlain: Bool

  package init(text: String, isPlain: Bool) {
    self.text = text
    self.isPlain = isPlain
  }

  /// The value, of the type that the core schema gives it (YAML 1.2 §10.3.2). `yes`, `no`, `on` and `off` are text.
  package var value: JSONValue {
    guard isPlain else { return .string(text) }
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: return number ?? .string(text)
    }
  }

  private var number: JSONValue? {
    let body = text.utf8
    guard let first = body.first, first &- 0x30 < 10 || "+-.".utf8.contains(first) else { return nil }
    if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16).map(JSONValue.integer) }
    if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8).map(JSONValue.integer) }
    if let integer = Int(text) { return .integer(integer) }
    // Swift reads more as a number than YAML does: hexadecimal fractions, `inf`, `nan`.
    let isDecimal = body.allSatisfy { $0 &- 0x30 < 10 || "+-.eE".utf8.contains($0) }
    guard isDecimal, let number = Double(text), number.isFinite else { return nil }
    return .number(number)
  }
}
