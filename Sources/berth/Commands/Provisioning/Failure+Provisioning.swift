import BerthClient
import BerthProtocol
import JSON

extension Failure {
  /// What to do about an error of the catalog, of projects, of instances and of connections.
  static func provisioningHint(_ type: ErrorType) -> String? {
    switch type {
    case .runtimeUnknown, .runtimeNotFound: "`berth catalog` shows those that there are"
    case .serverUnknown: "`berth catalog LANGUAGE` shows those that there are"
    case .projectNotFound: "`berth projects` shows those that there are, `berth project add NAME` makes one"
    case .environmentNotFound: "`berth environments PROJECT` shows those that there are"
    case .notEmpty: "`berth resources` shows what is in it"
    case .resourceNotFound, .resourceAmbiguous: "`berth resources` shows those that there are, with their ids"
    case .resourceConnected: "`berth connections` shows them, `berth disconnect CONNECTION` ends one"
    case .instanceNotFound: "`berth instances` shows those that there are, `berth instance add HOST` adds one"
    case .instanceAmbiguous: "`berth instances` shows them with their ids"
    case .connectionNotFound: "`berth connections` shows those that there are"
    case .connectionBusy: "`berth connections` shows what is being done, `berth job list --state running` the job"
    case .connectionState: "`berth connections` shows how it stands"
    case .hostKeyUnknown, .hostKeyMismatch: "`berth instance trust NAME` shows the key and accepts it"
    case .hostKeyChanged: "where you know why it is another one, `berth instance trust NAME --replace` accepts it"
    case .authFailed, .keyUnusable:
      "`berth instance update NAME` with --user, --identity FILE or --password says how to log in"
    case .sudoRequired: "`berth instance update NAME --sudo-password` keeps the password that sudo asks for"
    case .dnsFailed, .connectRefused, .connectTimeout, .hostUnreachable:
      "`berth instance update NAME` with --host, --port or --jump says where it is"
    case .packageLockBusy, .repositoryUnreachable, .sshFailed, .stepTimeout, .instanceNoSpace, .commandFailed:
      "`berth connection retry CONNECTION` goes on with a connection that has failed"
    default: nil
    }
  }

  /// An error of a call about an instance: its name stands in the commands that mend it, and the host key's fingerprint.
  init(_ error: CallError, instance: String, fingerprint: String? = nil) {
    self.init(error)
    let fingerprint = error.data?["fingerprint"]?.stringValue ?? fingerprint
    name(instance: instance, error.type, fingerprint: fingerprint)
  }

  /// Puts the instance's name, and the fingerprint of the key that it shows, into the commands that mend an error.
  mutating func name(instance: String, _ type: ErrorType?, fingerprint: String?) {
    // The detail may be the message with names before it.
    notes.removeAll { $0.hasSuffix(description) }
    guard let type, let general = hint else { return }
    let name = ShellWord.quoted(instance)
    // What speaks of a connection helps only where there is one.
    hint = general.contains("CONNECTION") ? nil : general.replacing("NAME", with: name)
    guard [.hostKeyUnknown, .hostKeyMismatch, .hostKeyChanged].contains(type),
      let fingerprint = fingerprint ?? Self.fingerprint(in: description)
    else { return }
    if !(notes + [description]).contains(where: { $0.contains(fingerprint) }) { notes.append(fingerprint) }
    hint =
      type == .hostKeyChanged
      ? "where you know why it is another one, `berth instance trust \(name) \(fingerprint) --replace` accepts it"
      : "compare it with the machine's own, then `berth instance trust \(name) \(fingerprint)` accepts it"
  }

  /// The fingerprint that a sentence names: `SHA256:` and 43 characters of base64.
  static func fingerprint(in text: String) -> String? {
    guard let start = text.firstRange(of: "SHA256:") else { return nil }
    let digest = text[start.upperBound...].prefix {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "+" || $0 == "/")
    }
    return digest.isEmpty ? nil : "SHA256:" + digest
  }

  /// Why a connection is not as it was to become.
  init(_ error: ConnectionError, of connection: ResourceConnection, fingerprint: String? = nil) {
    let type = ErrorType(rawValue: error.type)
    self.init(
      error.message, status: type.map { ExitStatus(errorCode: $0.code) } ?? .failed,
      notes: (error.lastLines ?? []).map { "| \($0)" }, hint: type.flatMap(Self.provisioningHint))
    if type == .instanceNoSpace { status = .failed }
    hint = hint?.replacing("CONNECTION", with: connection.id)
    name(instance: connection.targetName, type, fingerprint: fingerprint)
  }
}

extension Failure {
  /// What several come down to, each of which was told already: the only one, or how many of how many. Nil for none.
  init?(_ failures: [Failure], of count: Int, _ predicate: String) {
    guard let first = failures.first else { return nil }
    if count == 1 {
      self = first
    } else {
      let isAlike = failures.allSatisfy { $0.status == first.status }
      self.init("\(failures.count) of \(count) \(predicate)", status: isAlike ? first.status : .failed)
    }
  }
}

/// A word for a POSIX shell.
enum ShellWord {
  /// The word, in quotes where a shell would take it for more than one or for something else.
  static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "@%+=:,./_-".utf8.contains(byte)
      }
    }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
  }

  /// A command line of words: one is a command line already, of several each stays a word.
  static func commandLine(_ words: [String]) -> String {
    words.count == 1 ? words[0] : words.map(quoted).joined(separator: " ")
  }
}
