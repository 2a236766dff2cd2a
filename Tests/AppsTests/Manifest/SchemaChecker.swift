import JSON

/// Compares values with a JSON Schema, as far as the manifest's uses the language.
struct SchemaChecker {
  let schema: JSONValue

  private static let known: Set<String> = [
    "$schema", "$defs", "title", "description", "$ref", "type", "enum", "anyOf", "oneOf", "not", "required",
    "properties", "additionalProperties", "propertyNames", "items", "minimum", "maximum", "pattern", "maxLength",
    "examples",
  ]

  /// Words of the schema that this does not know, so that nothing is passed over in silence.
  var unknownWords: [String] { unknownWords(schema) }

  private func unknownWords(_ schema: JSONValue) -> [String] {
    guard case .object(let object) = schema else { return [] }
    return object.members.flatMap { member -> [String] in
      switch member.key {
      case "properties", "$defs":
        return (member.value.objectValue?.members ?? []).flatMap { unknownWords($0.value) }
      case "anyOf", "oneOf": return (member.value.arrayValue ?? []).flatMap(unknownWords)
      case "not", "items", "additionalProperties", "propertyNames": return unknownWords(member.value)
      default: return Self.known.contains(member.key) ? [] : [member.key]
      }
    }
  }

  /// Every fault of a value: `path: what`.
  func faults(of value: JSONValue) throws -> [String] { try faults(of: value, schema, "") }

  func resolve(_ reference: String) -> JSONValue? {
    reference.split(separator: "/").dropFirst().reduce(schema as JSONValue?) { $0?[String($1)] }
  }

  private func faults(of value: JSONValue, _ schema: JSONValue, _ path: String) throws -> [String] {
    var faults: [String] = []
    func check(_ holds: Bool, _ message: @autoclosure () -> String) {
      if !holds { faults.append("\(path): \(message())") }
    }
    func matching(_ word: String) throws -> Int? {
      try schema[word]?.arrayValue?.count { try self.faults(of: value, $0, path).isEmpty }
    }
    if let reference = schema["$ref"]?.stringValue {
      if let target = resolve(reference) {
        faults += try self.faults(of: value, target, path)
      } else {
        faults.append("\(path): \(reference) leads nowhere")
      }
    }
    if let type = schema["type"] {
      let types = type.arrayValue ?? [type]
      let name = value.typeName
      check(types.contains(.string(name)) || name == "integer" && types.contains("number"), "is \(name)")
    }
    if let words = schema["enum"]?.arrayValue {
      check(words.contains(value), "\(value.jsonString) is none of the words")
    }
    if let count = try matching("anyOf") { check(count > 0, "is none of anyOf") }
    if let count = try matching("oneOf") { check(count == 1, "is \(count) of oneOf") }
    if let not = schema["not"] { check(try !self.faults(of: value, not, path).isEmpty, "is what it must not be") }
    let number: Double? =
      switch value {
      case .integer(let integer): Double(integer)
      case .number(let number): number
      default: nil
      }
    if let number {
      if let least = schema["minimum"] { check(number >= bound(least), "is less than \(least.jsonString)") }
      if let most = schema["maximum"] { check(number <= bound(most), "is more than \(most.jsonString)") }
    }
    if case .string(let text) = value {
      if let pattern = schema["pattern"]?.stringValue {
        check(try Regex(pattern).firstMatch(in: text) != nil, "does not match \(pattern)")
      }
      if let most = schema["maxLength"]?.intValue { check(text.unicodeScalars.count <= most, "is too long") }
    }
    if case .array(let elements) = value, let items = schema["items"] {
      for (index, element) in elements.enumerated() {
        faults += try self.faults(of: element, items, "\(path)/\(index)")
      }
    }
    if case .object(let object) = value {
      for name in schema["required"]?.arrayValue ?? [] {
        check(object[name.stringValue ?? ""] != nil, "has no \(name.jsonString)")
      }
      for member in object.members {
        let path = "\(path)/\(member.key)"
        if let names = schema["propertyNames"] { faults += try self.faults(of: .string(member.key), names, path) }
        if let property = schema["properties"]?[member.key] ?? schema["additionalProperties"] {
          faults += try self.faults(of: member.value, property, path)
        }
      }
    }
    return faults
  }

  private func bound(_ value: JSONValue) -> Double {
    switch value {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    default: .nan
    }
  }
}
