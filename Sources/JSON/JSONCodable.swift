/// A type that can be written as JSON.
package protocol JSONEncodable {
  /// Writes exactly one value.
  func encode(into writer: inout JSONWriter)
}

/// A type that can be read from JSON.
package protocol JSONDecodable {
  /// Nil where the value does not fit; each fault has then been added to `decoding`.
  init?(_ json: JSONValue, decoding: inout Decoding)
}

package typealias JSONCodable = JSONEncodable & JSONDecodable

extension JSONEncodable {
  /// The value as JSON text.
  package func jsonBytes() -> [UInt8] {
    var writer = JSONWriter()
    encode(into: &writer)
    return writer.bytes
  }

  /// The value as JSON text.
  package var jsonString: String { String(decoding: jsonBytes(), as: UTF8.self) }

  /// The value as a tree. What is written is JSON, so it parses; `null` stands for the impossible.
  package func jsonValue() -> JSONValue {
    (try? JSONParser.parse(jsonBytes())) ?? .null
  }
}

extension JSONValue: JSONEncodable, JSONDecodable {
  package func encode(into writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .integer(let value): writer.integer(value)
    case .number(let value): writer.number(value)
    case .string(let value): writer.string(value)
    case .array(let elements): elements.encode(into: &writer)
    case .object(let object): object.encode(into: &writer)
    }
  }

  package init?(_ json: JSONValue, decoding: inout Decoding) {
    self = json
  }

  package func jsonValue() -> JSONValue { self }
}

extension JSONObject: JSONEncodable, JSONDecodable {
  package func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    for member in members {
      writer.key(member.key)
      member.value.encode(into: &writer)
    }
    writer.endObject()
  }

  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard case .object(let object) = json else {
      decoding.mismatch(json, "an object")
      return nil
    }
    self = object
  }
}

extension String: JSONEncodable, JSONDecodable {
  package func encode(into writer: inout JSONWriter) { writer.string(self) }

  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard case .string(let value) = json else {
      decoding.mismatch(json, "a string")
      return nil
    }
    self = value
  }
}

extension Bool: JSONEncodable, JSONDecodable {
  package func encode(into writer: inout JSONWriter) { writer.bool(self) }

  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard case .bool(let value) = json else {
      decoding.mismatch(json, "a boolean")
      return nil
    }
    self = value
  }
}

extension Int: JSONEncodable, JSONDecodable {
  package func encode(into writer: inout JSONWriter) { writer.integer(self) }

  /// A number with a fraction of zero, such as `1.0`, is an integer, as in JSON Schema.
  package init?(_ json: JSONValue, decoding: inout Decoding) {
    switch json {
    case .integer(let value):
      self = value
    case .number(let value):
      guard let integer = Int(exactly: value) else {
        decoding.mismatch(json, "an integer")
        return nil
      }
      self = integer
    default:
      decoding.mismatch(json, "an integer")
      return nil
    }
  }
}

extension Double: JSONEncodable, JSONDecodable {
  package func encode(into writer: inout JSONWriter) { writer.number(self) }

  package init?(_ json: JSONValue, decoding: inout Decoding) {
    switch json {
    case .integer(let value): self = Double(value)
    case .number(let value): self = value
    default:
      decoding.mismatch(json, "a number")
      return nil
    }
  }
}

extension Array: JSONEncodable where Element: JSONEncodable {
  package func encode(into writer: inout JSONWriter) {
    writer.beginArray()
    for element in self { element.encode(into: &writer) }
    writer.endArray()
  }
}

extension Array: JSONDecodable where Element: JSONDecodable {
  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard case .array(let elements) = json else {
      decoding.mismatch(json, "an array")
      return nil
    }
    self.init()
    reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      if let value = decoding.at(.integer(index), { Element(element, decoding: &$0) }) { append(value) }
    }
    guard count == elements.count else { return nil }
  }
}

extension Dictionary: JSONEncodable where Key == String, Value: JSONEncodable {
  /// The members are written by name, so that equal values make equal text.
  package func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    for (key, value) in sorted(by: { $0.key < $1.key }) {
      writer.key(key)
      value.encode(into: &writer)
    }
    writer.endObject()
  }
}

extension Dictionary: JSONDecodable where Key == String, Value: JSONDecodable {
  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard case .object(let object) = json else {
      decoding.mismatch(json, "an object")
      return nil
    }
    self.init(minimumCapacity: object.count)
    var isWhole = true
    for member in object.members {
      if let value = decoding.at(.string(member.key), { Value(member.value, decoding: &$0) }) {
        self[member.key] = value
      } else {
        isWhole = false
      }
    }
    guard isWhole else { return nil }
  }
}

extension Optional: JSONEncodable where Wrapped: JSONEncodable {
  package func encode(into writer: inout JSONWriter) {
    switch self {
    case .some(let value): value.encode(into: &writer)
    case .none: writer.null()
    }
  }
}

/// JSON text that is part of the program.
package struct RawJSON: JSONEncodable, Sendable {
  private let text: StaticString

  /// - Parameter text: One value, without white space round it.
  package init(_ text: StaticString) {
    self.text = text
  }

  package func encode(into writer: inout JSONWriter) {
    writer.raw(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
