import JSON
import Yams

/// Reads schemas out of YAML, and refuses what the generator could not carry over into every language.
struct SchemaReader {
  let file: String
  let faults: FaultList

  static let referencePrefix = "#/components/schemas/"

  func read(_ node: Node, of what: String, isNamed: Bool = false) -> Schema {
    var schema = Schema(shape: .any, place: Place(file: file, line: node.mark?.line ?? 0))
    guard var fields = Fields(node, of: what, in: file, faults: faults) else { return schema }
    schema.description = fields.optionalText("description")
    schema.shape = shape(&fields, of: what, isNamed: isNamed)
    schema.defaultValue = fields.node("default").flatMap { value($0, for: schema.shape) }
    fields.finish(what)
    return schema
  }

  private func shape(_ fields: inout Fields, of what: String, isNamed: Bool) -> Schema.Shape {
    if let reference = fields.optionalText("$ref") {
      guard reference.hasPrefix(Self.referencePrefix) else {
        faults.add(fields.place, "`$ref` must begin with `\(Self.referencePrefix)`")
        return .any
      }
      return .reference(String(reference.dropFirst(Self.referencePrefix.count)))
    }
    switch fields.optionalText("type") {
    case nil: return .any
    case "null": return .null
    case "boolean": return .boolean
    case "string": return text(&fields, of: what, isNamed: isNamed)
    case "integer": return .integer(numberBounds(&fields))
    case "number": return .number(numberBounds(&fields))
    case "array":
      let items = fields.required("items").map { read($0, of: "the items of \(what)") }
      let bounds = CountBounds(minimum: fields.integer("minItems"), maximum: fields.integer("maxItems"))
      return .array(items ?? Schema(shape: .any, place: fields.place), bounds)
    case "object": return object(&fields, of: what, isNamed: isNamed)
    case let other?:
      faults.add(fields.place, "\(what) has an unknown type `\(other)`")
      return .any
    }
  }

  private func text(_ fields: inout Fields, of what: String, isNamed: Bool) -> Schema.Shape {
    if fields.node("enum") != nil {
      let words = fields.words("enum")
      if !isNamed { faults.add(fields.place, "\(what) is an enumeration without a name: define it as a component") }
      if Set(words).count != words.count || words.isEmpty {
        faults.add(fields.place, "\(what) repeats a word, or has none")
      }
      return .enumeration(words)
    }
    return .string(
      TextBounds(
        minLength: fields.integer("minLength"), maxLength: fields.integer("maxLength"),
        pattern: fields.optionalText("pattern"), format: fields.optionalText("format")))
  }

  private func numberBounds(_ fields: inout Fields) -> NumberBounds {
    NumberBounds(minimum: fields.number("minimum"), maximum: fields.number("maximum"))
  }

  private func object(_ fields: inout Fields, of what: String, isNamed: Bool) -> Schema.Shape {
    if fields.flag("x-free-form") { return .freeForm }
    if let values = fields.node("additionalProperties") {
      return .map(
        read(values, of: "the values of \(what)"), CountBounds(minimum: nil, maximum: fields.integer("maxProperties")))
    }
    let required = Set(fields.words("required"))
    guard let properties = fields.node("properties"),
      var members = Fields(properties, of: "`properties` of \(what)", in: file, faults: faults)
    else {
      faults.add(fields.place, "\(what) needs `properties`, `additionalProperties` or `x-free-form`")
      return .freeForm
    }
    if !isNamed { faults.add(fields.place, "\(what) is a structure without a name: define it as a component") }
    let result = members.rest().map { key, node in
      let schema = read(node, of: "`\(key)` of \(what)")
      if schema.description == nil { faults.add(schema.place, "`\(key)` of \(what) has no description") }
      return Member(
        name: key, description: schema.description ?? "", isRequired: required.contains(key), schema: schema)
    }
    for name in required where !result.contains(where: { $0.name == name }) {
      faults.add(fields.place, "\(what) requires `\(name)`, which it does not have")
    }
    return .structure(result)
  }

  /// A default as JSON. What a reference leads to is not known yet, so words are taken as strings.
  private func value(_ node: Node, for shape: Schema.Shape) -> JSONValue? {
    switch shape {
    case .boolean:
      if let flag = node.bool { return .bool(flag) }
    case .integer:
      if let integer = node.int { return .integer(integer) }
    case .number:
      if let number = node.float { return Int(exactly: number).map { .integer($0) } ?? .number(number) }
    case .string:
      if let text = node.scalar?.string { return .string(text) }
    case .reference:
      if let mapping = node.mapping, mapping.isEmpty { return .object([:]) }
      if let integer = node.int { return .integer(integer) }
      if let text = node.scalar?.string { return .string(text) }
    default: break
    }
    faults.add(Place(file: file, line: node.mark?.line ?? 0), "the default does not fit the type")
    return nil
  }
}
