import JSON

/// How schemas become Swift types, rules, defaults and writing statements.
struct SwiftType {
  private let components: [String: Schema]

  init(_ definition: ProtocolDefinition) {
    components = Dictionary(definition.components.map { ($0.name, $0.schema) }) { first, _ in first }
  }

  /// What a reference leads to, with the name of the type where it has one in Swift.
  private func resolve(_ schema: Schema) -> (shape: Schema.Shape, name: String?) {
    guard case .reference(let name) = schema.shape, let target = components[name] else { return (schema.shape, nil) }
    return (target.shape, name)
  }

  func name(_ schema: Schema) -> String {
    let (shape, name) = resolve(schema)
    return switch shape {
    case .any: "JSONValue"
    case .null: "NullResult"
    case .boolean: "Bool"
    case .string: "String"
    case .integer: "Int"
    case .number: "Double"
    case .array(let items, _): "[\(self.name(items))]"
    case .map(let values, _): "[String: \(self.name(values))]"
    case .freeForm: "JSONObject"
    case .enumeration, .structure, .reference: name ?? "JSONValue"
    }
  }

  func isOptional(_ member: Member) -> Bool {
    !member.isRequired && member.defaultValue == nil
  }

  func name(_ member: Member) -> String {
    name(member.schema) + (isOptional(member) ? "?" : "")
  }

  /// The default as a Swift expression.
  func defaultValue(_ member: Member) -> String? {
    guard let value = member.defaultValue else { return nil }
    return switch (resolve(member.schema).shape, value) {
    case (.enumeration, .string(let word)): "." + SwiftName.lowerCamel(word)
    case (.structure, _): name(member.schema) + "()"
    case (_, .string(let text)): SwiftName.literal(text)
    default: value.jsonString
    }
  }

  // MARK: Rules

  /// The call that reads a member out of `object`.
  func reading(_ member: Member) -> (function: String, arguments: String) {
    let rule = rule(member.schema, pattern: "\(SwiftName.lowerCamel(member.name))Pattern")
    return (
      member.isRequired ? "decoding.required" : "decoding.optional",
      "\(SwiftName.literal(member.name)), in: object, \(rule)"
    )
  }

  /// The pattern that a member's text must match, and the name of the constant that holds it.
  func pattern(_ member: Member) -> (name: String, pattern: String)? {
    func find(_ schema: Schema) -> String? {
      switch resolve(schema).shape {
      case .string(let bounds): bounds.pattern
      case .array(let items, _): find(items)
      case .map(let values, _): find(values)
      default: nil
      }
    }
    return find(member.schema).map { ("\(SwiftName.lowerCamel(member.name))Pattern", $0) }
  }

  private func rule(_ schema: Schema, pattern: String) -> String {
    switch resolve(schema).shape {
    case .string(let bounds):
      call(
        "TextRule",
        [
          bounds.minLength.map { "minLength: \($0)" }, bounds.maxLength.map { "maxLength: \($0)" },
          bounds.pattern.map { _ in "pattern: Self.\(pattern)" },
        ])
    case .integer(let bounds):
      call(
        "IntegerRule",
        [
          bounds.minimum.map { "minimum: \(Int($0))" }, bounds.maximum.map { "maximum: \(Int($0))" },
        ])
    case .number(let bounds):
      call(
        "NumberRule",
        [
          bounds.minimum.map { "minimum: \(decimal($0))" }, bounds.maximum.map { "maximum: \(decimal($0))" },
        ])
    case .array(let items, let bounds):
      call(
        "ListRule",
        [
          rule(items, pattern: pattern),
          bounds.minimum.map { "minItems: \($0)" }, bounds.maximum.map { "maxItems: \($0)" },
        ])
    case .map(let values, let bounds):
      call("MapRule", [rule(values, pattern: pattern), bounds.maximum.map { "maxProperties: \($0)" }])
    default:
      "AnyRule<\(name(schema))>()"
    }
  }

  private func call(_ name: String, _ arguments: [String?]) -> String {
    "\(name)(\(arguments.compactMap { $0 }.joined(separator: ", ")))"
  }

  private func decimal(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? number.description
  }

  // MARK: Writing

  /// Writes the statements that encode `expression`. Lists and maps are written in a loop of their own: a call of the
  /// generic conformance would not be specialized across modules. Maps are written by name, so that equal values make
  /// equal text.
  func write(_ schema: Schema, _ expression: String, into source: inout SourceWriter) {
    switch resolve(schema).shape {
    case .string: source.line("writer.string(\(expression))")
    case .enumeration: source.line("writer.string(\(expression).rawValue)")
    case .integer: source.line("writer.integer(\(expression))")
    case .number: source.line("writer.number(\(expression))")
    case .boolean: source.line("writer.bool(\(expression))")
    case .array(let items, _):
      source.line("writer.beginArray()")
      source.block("for element in \(expression) {") { write(items, "element", into: &$0) }
      source.line("writer.endArray()")
    case .map(let values, _):
      source.line("writer.beginObject()")
      source.block("for (key, value) in \(expression).sorted(by: { $0.key < $1.key }) {") {
        $0.line("writer.key(key)")
        write(values, "value", into: &$0)
      }
      source.line("writer.endObject()")
    case .any, .null, .freeForm, .structure, .reference:
      source.line("\(expression).encode(into: &writer)")
    }
  }
}
