import JSON

/// Schemas as JSON Schema (draft 7).
enum JSONSchema {
  static func object(_ schema: Schema, title: String? = nil) -> JSONObject {
    var result = JSONObject()
    result["title"] = title.map { .string($0) }
    describe(schema.shape, into: &result)
    result["description"] = schema.description.map { .string($0) }
    result["default"] = schema.defaultValue
    return result
  }

  private static func describe(_ shape: Schema.Shape, into result: inout JSONObject) {
    switch shape {
    case .any: break
    case .null: result["type"] = "null"
    case .boolean: result["type"] = "boolean"
    case .freeForm: result["type"] = "object"
    case .reference(let name): result["$ref"] = .string(SchemaReader.referencePrefix + name)
    case .string(let bounds):
      result["type"] = "string"
      result["format"] = bounds.format.map { .string($0) }
      result["minLength"] = bounds.minLength.map { .integer($0) }
      result["maxLength"] = bounds.maxLength.map { .integer($0) }
      result["pattern"] = bounds.pattern.map { .string($0) }
    case .integer(let bounds):
      result["type"] = "integer"
      describe(bounds, into: &result)
    case .number(let bounds):
      result["type"] = "number"
      describe(bounds, into: &result)
    case .enumeration(let words):
      result["type"] = "string"
      result["enum"] = .array(words.map { .string($0) })
    case .array(let items, let bounds):
      result["type"] = "array"
      result["items"] = .object(object(items))
      result["minItems"] = bounds.minimum.map { .integer($0) }
      result["maxItems"] = bounds.maximum.map { .integer($0) }
    case .map(let values, let bounds):
      result["type"] = "object"
      result["additionalProperties"] = .object(object(values))
      result["maxProperties"] = bounds.maximum.map { .integer($0) }
    case .structure(let members):
      result["type"] = "object"
      let required = members.filter(\.isRequired)
      if !required.isEmpty { result["required"] = .array(required.map { .string($0.name) }) }
      result["properties"] = .object(
        JSONObject(members.map { .init(key: $0.name, value: .object(object($0.schema))) }))
    }
  }

  private static func describe(_ bounds: NumberBounds, into result: inout JSONObject) {
    result["minimum"] = bounds.minimum.map(number)
    result["maximum"] = bounds.maximum.map(number)
  }

  private static func number(_ value: Double) -> JSONValue {
    Int(exactly: value).map { .integer($0) } ?? .number(value)
  }
}
