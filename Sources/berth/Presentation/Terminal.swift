import Glibc

/// What standard input, output and error are connected to.
enum Terminal {
  static let inputIsTerminal = isatty(STDIN_FILENO) == 1
  static let outputIsTerminal = isatty(STDOUT_FILENO) == 1
  static let errorIsTerminal = isatty(STDERR_FILENO) == 1

  /// Whether standard output and standard error are to be seen in one place: the same terminal, file or pipe.
  static let outputAndErrorAreOne: Bool = {
    var (output, error) = (stat(), stat())
    guard fstat(STDOUT_FILENO, &output) == 0, fstat(STDERR_FILENO, &error) == 0 else { return false }
    return output.st_dev == error.st_dev && output.st_ino == error.st_ino
  }()

  /// Whether somebody sits there who can be asked something.
  static let canAsk = inputIsTerminal && errorIsTerminal

  /// How many columns wide the terminal is; 80 where it does not say.
  static var width: Int { size?.columns ?? environment("COLUMNS").flatMap { Int($0) } ?? 80 }

  /// How many lines high the terminal is; 24 where it does not say.
  static var height: Int { size?.rows ?? environment("LINES").flatMap { Int($0) } ?? 24 }

  /// The terminal's size; nil where none says.
  static var size: (columns: Int, rows: Int)? {
    for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
      var size = winsize()
      if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
        return (Int(size.ws_col), Int(size.ws_row))
      }
    }
    return nil
  }

  static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
