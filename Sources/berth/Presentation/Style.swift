/// Colours and weights of text, where they can be seen.
struct Style: Sendable {
  /// For standard output. Off where that is no terminal, and where `NO_COLOR` (no-color.org) is set.
  static let output = Style(isOn: Terminal.outputIsTerminal && wantsColor)
  /// For standard error.
  static let errors = Style(isOn: Terminal.errorIsTerminal && wantsColor)

  let isOn: Bool

  enum Look: String, Sendable {
    case plain = "0"
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"
    case magenta = "35"
    case cyan = "36"
    case boldRed = "1;31"
    case boldBlue = "1;34"
  }

  func callAsFunction(_ look: Look, _ text: String) -> String {
    isOn && look != .plain && !text.isEmpty ? "\u{1B}[\(look.rawValue)m\(text)\u{1B}[0m" : text
  }

  private static var wantsColor: Bool {
    Terminal.environment("NO_COLOR") == nil && Terminal.environment("TERM") != "dumb"
  }
}
