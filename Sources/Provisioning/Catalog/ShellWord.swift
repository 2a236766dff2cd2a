/// Quoting for a POSIX shell (XCU §2.2.2: within single quotes each character stands for itself).
enum ShellWord {
  static func quote(_ text: String) -> String {
    "'\(text.replacing("'", with: #"'\''"#))'"
  }
}
