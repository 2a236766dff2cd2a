/// Scripts of POSIX sh for a remote machine.
///
/// A script is sent on standard input and never on a command line. What is sent is read whole before it begins, so
/// that nothing in it can read on from there. Descriptor 3 takes records for this server, one a line; 1 and 2 are for
/// people. Records come back on the channel's standard output, after a marker: what a login shell prints before is not
/// taken for one.
struct RemoteScript: Sendable {
  var text: String
  /// How it becomes root; nil for the user who logged in.
  var elevation: Elevator?

  /// How a script is run as root.
  struct Elevator: Sendable {
    let command: String
    let password: String?

    static let sudo = Elevator(command: "sudo -n", password: nil)
    static let doas = Elevator(command: "doas -n", password: nil)
    static func sudo(password: String) -> Elevator { Elevator(command: "sudo -S -p ''", password: password) }
  }

  /// The text in single quotes.
  static func quoted(_ text: some StringProtocol) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  /// Ends what may stand before a script on standard input: a password that sudo did not ask for.
  private static let mark = "berth-begin"

  /// The command that reads a script from its standard input and runs it.
  static func command(_ elevation: Elevator?) -> String {
    guard let elevation else { return #"exec sh -c 'eval "$(cat)"'"# }
    return "exec \(elevation.command) sh -c "
      + quoted(#"while IFS= read -r line && [ "$line" != \#(mark) ]; do :; done; eval "$(cat)""#)
  }

  /// What is written to that command.
  static func input(_ text: String, _ elevation: Elevator?) -> [UInt8] {
    guard let elevation else { return Array(text.utf8) }
    return Array(((elevation.password.map { $0 + "\n" } ?? "") + mark + "\n" + text).utf8)
  }

  /// Stands before the records.
  static let recordsMark = "berth-records"

  /// A script whose records come back on standard output, and all else on standard error.
  static func reporting(_ text: String) -> String {
    "exec 3>&1 1>&2\nprintf '%s\\n' \(recordsMark) >&3\n" + text
  }
}

/// What a script told with its records.
struct RemoteRecords: Sendable, Hashable {
  /// The records in order.
  var all: [(word: String, value: String)] { lines.map { Self.split($0) } }
  private let lines: [String]

  /// - Parameter text: What was written; lines before the marker are not records.
  init(_ text: String, afterMark: Bool = true) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: true).map { String($0) }
    if afterMark {
      lines = lines.firstIndex(of: RemoteScript.recordsMark).map { Array(lines[($0 + 1)...]) } ?? []
    }
    self.lines = lines
  }

  /// The last value of a record.
  subscript(word: String) -> String? { all.last { $0.word == word }?.value }

  func values(_ word: String) -> [String] { all.filter { $0.word == word }.map(\.value) }

  private static func split(_ line: String) -> (String, String) {
    guard let space = line.firstIndex(of: " ") else { return (line, "") }
    return (String(line[..<space]), String(line[line.index(after: space)...]))
  }
}

extension RemoteRecords {
  var isEmpty: Bool { all.isEmpty }
}
