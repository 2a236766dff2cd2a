/// How the definitions' names are written in Swift.
enum SwiftName {
  /// `workspace/applyTemplate` → `WorkspaceApplyTemplate`. What the server sends ends in `Notification`, so that it is
  /// told apart from what it carries.
  static func method(_ method: MethodDefinition) -> String {
    let name = words(method.name).map(\.firstUppercased).joined()
    return method.direction == .serverToClient && method.isNotification ? name + "Notification" : name
  }

  /// `tar.gz` → `tarGz`, `clone_template` → `cloneTemplate`, `*` → `any`. Not yet quoted.
  static func lowerCamel(_ word: String) -> String {
    let parts = words(word)
    guard let first = parts.first else { return "any" }
    return first.firstLowercased + parts.dropFirst().map(\.firstUppercased).joined()
  }

  /// The name as it must stand where it is declared or used alone.
  static func quoted(_ name: String) -> String {
    keywords.contains(name) ? "`\(name)`" : name
  }

  static func literal(_ text: String) -> String {
    var result = "\""
    for character in text {
      switch character {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default: result.append(character)
      }
    }
    return result + "\""
  }

  private static func words(_ name: String) -> [Substring] {
    name.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
  }

  private static let keywords: Set<String> = [
    "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do", "else",
    "enum", "extension", "fallthrough", "false", "for", "func", "guard", "if", "import", "in", "init", "inout",
    "internal", "is", "let", "nil", "operator", "private", "protocol", "public", "repeat", "return", "self", "static",
    "struct", "subscript", "super", "switch", "throw", "throws", "true", "try", "typealias", "var", "where", "while",
  ]
}

extension StringProtocol {
  var firstUppercased: String { prefix(1).uppercased() + dropFirst() }
  var firstLowercased: String { prefix(1).lowercased() + dropFirst() }
}
