import JSON

/// The part of JSON Schema that definitions are written in.
struct Schema {
  indirect enum Shape {
    case any
    case null
    case boolean
    case string(TextBounds)
    case integer(NumberBounds)
    case number(NumberBounds)
    /// Only as a named type.
    case enumeration([String])
    case array(Schema, CountBounds)
    /// An object whose members all have one type and names of the user's choice.
    case map(Schema, CountBounds)
    /// An object with members of any kind.
    case freeForm
    /// Only as a named type.
    case structure([Member])
    case reference(String)
  }

  var shape: Shape
  var description: String?
  var defaultValue: JSONValue?
  var place: Place
}

/// A parameter of a method or a property of a structure.
struct Member {
  var name: String
  var description: String
  var isRequired: Bool
  var schema: Schema

  var defaultValue: JSONValue? { schema.defaultValue }
}

struct TextBounds {
  var minLength: Int?
  var maxLength: Int?
  var pattern: String?
  var format: String?

  var isEmpty: Bool { minLength == nil && maxLength == nil && pattern == nil }
}

struct NumberBounds {
  var minimum: Double?
  var maximum: Double?

  var isEmpty: Bool { minimum == nil && maximum == nil }
}

struct CountBounds {
  var minimum: Int?
  var maximum: Int?

  var isEmpty: Bool { minimum == nil && maximum == nil }
}
