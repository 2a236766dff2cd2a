/// How the definitions' names are written in Python.
enum PythonName {
  static let keywords: Set<String> = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "None", "nonlocal", "not", "or", "pass",
    "raise", "return", "try", "while", "with", "yield", "True", "False",
  ]

  /// `idempotencyKey` → `idempotency_key`, `from` → `from_`.
  static func argument(_ name: String) -> String {
    var result = ""
    for character in name {
      if character.isUppercase { result += "_" }
      result += character.lowercased()
    }
    return keywords.contains(result) ? result + "_" : result
  }
}
