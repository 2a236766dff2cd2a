import Glibc

/// Questions to whoever sits at the terminal.
enum Prompt {
  /// Asks for a line. Nil at the end of input.
  static func ask(_ question: String, defaultValue: String? = nil) -> String? {
    let hint = defaultValue.map { Style.errors(.dim, " [\(DisplayText.safe($0))]") } ?? ""
    Messages.write(Style.errors(.bold, DisplayText.safe(question)) + hint + ": ")
    guard let line = readLine() else {
      Messages.line("")
      return nil
    }
    return line.isEmpty ? defaultValue ?? "" : line
  }

  /// Asks for a yes. Anything else is a no.
  static func confirm(_ question: String) -> Bool {
    Messages.write(Style.errors(.bold, DisplayText.safe(question)) + " [y/N] ")
    guard let answer = readLine()?.lowercased() else {
      Messages.line("")
      return false
    }
    return answer == "y" || answer == "yes"
  }
}
