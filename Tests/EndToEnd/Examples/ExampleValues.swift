import JSON

/// What `${…}` stands for in an example.
struct ExampleValues {
  private var values: [String: JSONValue]

  init(_ values: [String: JSONValue]) {
    self.values = values
  }

  subscript(name: String) -> JSONValue? {
    get { values[name] }
    set { values[name] = newValue }
  }

  /// The value with every `${…}` filled in; a string that is nothing else takes the value with its type.
  func fill(_ json: JSONValue, escaping: Bool = false) throws -> JSONValue {
    switch json {
    case .string(let text): return try fill(text)
    case .array(let elements): return .array(try elements.map { try fill($0) })
    case .object(let object):
      return .object(JSONObject(try object.members.map { .init(key: $0.key, value: try fill($0.value)) }))
    default: return json
    }
  }

  private func fill(_ text: String) throws -> JSONValue {
    var result = ""
    var rest = text[...]
    // What is put into an expression stands for itself.
    let isExpression = text.hasPrefix("$matches:")
    while let start = rest.firstRange(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}") {
      let value = try value(String(rest[start.upperBound..<end]))
      if start.lowerBound == text.startIndex, rest.index(after: end) == text.endIndex { return value }
      let words = value.stringValue ?? value.jsonString
      result += rest[..<start.lowerBound]
      result += isExpression ? words.map { $0.isLetter || $0.isNumber ? "\($0)" : "\\\($0)" }.joined() : words
      rest = rest[rest.index(after: end)...]
    }
    return .string(result + rest)
  }

  private func value(_ name: String) throws -> JSONValue {
    if let value = values[name] { return value }
    let path = name.split(separator: ".")
    if path.first == "result", var value = values["result"] {
      for step in path.dropFirst() {
        guard let member = value[String(step)] else { throw UnknownName(name: name) }
        value = member
      }
      return value
    }
    throw UnknownName(name: name)
  }

  struct UnknownName: Error {
    let name: String
  }
}

extension JSONValue {
  /// The value at a JSON Pointer (RFC 6901).
  func value(at pointer: String) -> JSONValue? {
    var value: JSONValue? = self
    for step in pointer.split(separator: "/") {
      let name = String(step).replacing("~1", with: "/").replacing("~0", with: "~")
      value =
        value?[name]
        ?? Int(name).flatMap { index in
          value?.arrayValue.flatMap { $0.indices.contains(index) ? $0[index] : nil }
        }
    }
    return value
  }
}
