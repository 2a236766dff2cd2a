import JSON

/// JSON for people to look at, in colours.
enum JSONText {
  /// Two spaces a level, one member a line.
  static func pretty(_ value: JSONValue, style: Style) -> String {
    guard style.isOn else { return PrettyJSON.text(value) }
    var text = ""
    append(value, to: &text, indent: 0, style: style)
    return text + "\n"
  }

  private static func append(_ value: JSONValue, to text: inout String, indent: Int, style: Style) {
    let inner = "\n" + String(repeating: " ", count: indent + 2)
    let outer = "\n" + String(repeating: " ", count: indent)
    switch value {
    case .object(let object) where !object.isEmpty:
      text += "{"
      for (index, member) in object.members.enumerated() {
        text += (index == 0 ? "" : ",") + inner + style(.blue, member.key.jsonString) + ": "
        append(member.value, to: &text, indent: indent + 2, style: style)
      }
      text += outer + "}"
    case .array(let elements) where !elements.isEmpty:
      text += "["
      for (index, element) in elements.enumerated() {
        text += (index == 0 ? "" : ",") + inner
        append(element, to: &text, indent: indent + 2, style: style)
      }
      text += outer + "]"
    case .string: text += style(.green, escaped(value.jsonString))
    case .null: text += style(.dim, "null")
    case .bool, .integer, .number: text += style(.yellow, value.jsonString)
    case .object, .array: text += value.jsonString
    }
  }

  /// JSON leaves DEL and the C1 controls as they are; a terminal would act on them.
  private static func escaped(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: { (0x7F..<0xA0).contains($0.value) }) else { return json }
    return json.unicodeScalars.reduce(into: "") { result, scalar in
      if (0x7F..<0xA0).contains(scalar.value) {
        result += "\\u00" + String(scalar.value, radix: 16)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
}
