import JSON

/// What an example says of a value.
struct ExamplePattern {
  let pattern: JSONValue

  /// What does not match, with its path; nil where all does.
  func mismatch(_ value: JSONValue?, at path: String = "") -> String? {
    if case .string(let word) = pattern, word.hasPrefix("$") { return mismatch(word, value, path) }
    guard let value else { return "\(path): missing" }
    switch (pattern, value) {
    case (.object(let wanted), _) where wanted["$contains"] != nil:
      guard let elements = value.arrayValue else { return "\(path): no array" }
      for element in wanted["$contains"]?.arrayValue ?? []
      where !elements.contains(where: { ExamplePattern(pattern: element).mismatch($0) == nil }) {
        return "\(path): nothing matches \(element.jsonString) in \(value.jsonString)"
      }
      return nil
    case (.object(let wanted), .object(let found)):
      for member in wanted.members {
        if let fault = ExamplePattern(pattern: member.value).mismatch(found[member.key], at: "\(path)/\(member.key)") {
          return fault
        }
      }
      return nil
    case (.array(let wanted), .array(let found)):
      guard wanted.count == found.count else {
        return "\(path): \(found.count) elements, not \(wanted.count): \(value.jsonString)"
      }
      for (index, pair) in zip(wanted, found).enumerated() {
        if let fault = ExamplePattern(pattern: pair.0).mismatch(pair.1, at: "\(path)/\(index)") { return fault }
      }
      return nil
    default:
      return pattern == value ? nil : "\(path): \(value.jsonString), not \(pattern.jsonString)"
    }
  }

  private func mismatch(_ word: String, _ value: JSONValue?, _ path: String) -> String? {
    let matches: Bool
    switch word {
    case "$any": matches = value != nil
    case "$absent": matches = value == nil
    case "$string": matches = value?.stringValue != nil
    case "$integer": matches = value?.intValue != nil
    case "$number": matches = value?.typeName == "number" || value?.intValue != nil
    case "$timestamp":
      matches = value?.stringValue?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil
    case _ where word.hasPrefix("$matches:"):
      let expression = try? Regex(String(word.dropFirst("$matches:".count)))
      matches = expression.flatMap { value?.stringValue?.wholeMatch(of: $0) } != nil
    default: matches = .string(word) == value
    }
    return matches ? nil : "\(path): \(value?.jsonString ?? "missing") is not \(word)"
  }
}
