/// A command of a manifest, as it is executed.
enum ShellCommand {
  /// The shell with the command, or, where that is `exec` with plain words, just these: the shell would do no more than
  /// become them.
  static func arguments(_ command: String) -> [String] {
    let words = command.split(separator: " ")
    guard words.count > 1, words[0] == "exec", !words[1].hasPrefix("-"), !words[1].contains("="),
      words.allSatisfy({ $0.utf8.allSatisfy(isPlain) })
    else { return ["/bin/sh", "-c", command] }
    return words.dropFirst().map(String.init)
  }

  /// Whether a character means nothing but itself to a shell, wherever it stands.
  private static func isPlain(_ character: UInt8) -> Bool {
    switch character {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "_-./:,@%+=".utf8.contains(character)
    }
  }
}
