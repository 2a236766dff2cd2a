/// A JSON value (RFC 8259).
///
/// Numbers without a fraction or exponent that fit 64 bits are `integer`; every other number is `number`.
package enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue {
  /// The member of an object; nil for any other value and for a member that is not there.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let object) = self else { return nil }
    return object[key]
  }

  package var stringValue: String? {
    guard case .string(let string) = self else { return nil }
    return string
  }

  package var intValue: Int? {
    guard case .integer(let integer) = self else { return nil }
    return integer
  }

  package var boolValue: Bool? {
    guard case .bool(let bool) = self else { return nil }
    return bool
  }

  package var arrayValue: [JSONValue]? {
    guard case .array(let array) = self else { return nil }
    return array
  }

  package var objectValue: JSONObject? {
    guard case .object(let object) = self else { return nil }
    return object
  }

  /// The word for the value's type, as JSON Schema names it.
  package var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(nilLiteral: ()) { self = .null }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(elements.map { JSONObject.Member(key: $0.0, value: $0.1) }))
  }
}
