import ArgumentParser
import Glibc

/// Environment variables whose values are no part of the command line.
struct SecretOptions: ParsableArguments {
  @Option(
    help: """
      A variable whose value is kept secret: it is asked for without showing it, or read from standard input (all of \
      it for one --secret, a line for each of several). May be repeated.
      """)
  var secret: [String] = []

  /// The values of the secret ones, by name.
  func secrets() throws -> [String: String] {
    guard !secret.isEmpty else { return [:] }
    let values = Terminal.canAsk ? try Prompt.secrets(secret) : try Self.values(secret, in: Input.readAll())
    return Dictionary(zip(secret, values)) { $1 }
  }

  /// Takes values out of what was read: all of it for one name, else a line each.
  static func values(_ names: [String], in bytes: [UInt8]) throws -> [String] {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure("what standard input holds is not UTF-8", status: .usage)
    }
    let whole = text.last?.isNewline == true ? String(text.dropLast()) : text
    let values =
      names.count == 1 ? [whole] : whole.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard values.count == names.count, values.allSatisfy({ !$0.isEmpty }) else {
      throw Failure(
        "standard input must hold the value of \(names.joined(separator: ", "))", status: .usage,
        hint: names.count == 1 ? nil : "a line each, in their order")
    }
    return values
  }
}

extension Prompt {
  /// Asks for lines that are not shown.
  static func secrets(_ names: [String]) throws -> [String] {
    var before = termios()
    guard tcgetattr(STDIN_FILENO, &before) == 0 else { return try names.map(answer) }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO)
    let restored = before
    try Interrupts.observe {
      var restored = restored
      tcsetattr(STDIN_FILENO, TCSANOW, &restored)
      Messages.line("")
      ExitStatus.interrupted.exit()
    }
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
    return try names.map(answer)
  }

  private static func answer(_ name: String) throws -> String {
    Messages.write(Style.errors(.bold, DisplayText.safe(name)) + ": ")
    let line = readLine()
    Messages.line("")
    guard let line, !line.isEmpty else { throw Failure("no value for \(name)", status: .usage) }
    return line
  }
}
