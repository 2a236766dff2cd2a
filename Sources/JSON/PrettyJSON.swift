/// JSON text for people: two spaces a level, one member a line.
package enum PrettyJSON {
  package static func text(_ value: JSONValue) -> String {
    var text = ""
    append(value, to: &text, indent: 0)
    return text + "\n"
  }

  private static func append(_ value: JSONValue, to text: inout String, indent: Int) {
    let inner = String(repeating: " ", count: indent + 2)
    let outer = String(repeating: " ", count: indent)
    switch value {
    case .object(let object) where !object.isEmpty:
      text += "{"
      for (index, member) in object.members.enumerated() {
        text += "\(index == 0 ? "" : ",")\n\(inner)\(member.key.jsonString): "
        append(member.value, to: &text, indent: indent + 2)
      }
      text += "\n\(outer)}"
    case .array(let elements) where !elements.isEmpty:
      text += "["
      for (index, element) in elements.enumerated() {
        text += "\(index == 0 ? "" : ",")\n\(inner)"
        append(element, to: &text, indent: indent + 2)
      }
      text += "\n\(outer)]"
    default:
      text += value.jsonString
    }
  }
}
