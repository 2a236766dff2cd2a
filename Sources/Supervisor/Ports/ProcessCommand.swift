import Platform

/// What a process runs, for people to read.
enum ProcessCommand {
  private static let limitBytes = 4096

  /// The arguments of a process, joined with spaces, without what looks like a secret; the program's name where it has
  /// none. Nil where the process is gone or another user's.
  static func line(of pid: Int32) -> String? {
    guard let bytes = try? ProcFile.read("/proc/\(pid)/cmdline", limitBytes: limitBytes) else { return nil }
    let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    if arguments.isEmpty { return ProcessEntry(pid).map { "[\($0.name)]" } }
    return withoutSecrets(arguments).joined(separator: " ")
  }

  private static let mask = "***"
  /// Names that a secret is given under, in lower case, without `-` and `_`.
  private static let secretNames = [
    "password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credential",
    "authorization", "bearer", "cookie",
  ]
  /// How well-known kinds of keys begin.
  private static let secretBeginnings = [
    "sk-", "sk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "ASIA", "AIza", "eyJ",
    "-----BEGIN",
  ]

  /// Arguments with `***` for what looks like a secret: the value of an option or a variable with such a name, the
  /// password in a URL, and what begins like a key.
  static func withoutSecrets(_ arguments: [String]) -> [String] {
    var isNextSecret = false
    return arguments.map { argument in
      if isNextSecret, !argument.hasPrefix("-") {
        isNextSecret = isScheme(argument)
        return isNextSecret ? argument : mask
      }
      isNextSecret = false
      if argument.contains(" ") {
        // A script or a header: its words are looked at one by one.
        let words = argument.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        return withoutSecrets(words).joined(separator: " ")
      }
      if let end = argument.firstIndex(where: { $0 == "=" || $0 == ":" }), isSecretName(argument[..<end]) {
        if argument.index(after: end) == argument.endIndex {
          isNextSecret = true
          return argument
        }
        return argument[...end] + mask
      }
      isNextSecret =
        argument.count > 2 && isSecretName(argument[...]) && (argument.hasPrefix("-") || isScheme(argument))
      return isNextSecret ? argument : withoutKey(withoutPassword(argument))
    }
  }

  /// `Bearer` and `Basic` stand before the secret.
  private static func isScheme(_ word: String) -> Bool { ["bearer", "basic"].contains(word.lowercased()) }

  private static func isSecretName(_ name: Substring) -> Bool {
    let plain = name.lowercased().filter { $0 != "-" && $0 != "_" }
    return secretNames.contains { plain.contains($0) }
  }

  /// `scheme://user:password@host` without the password.
  private static func withoutPassword(_ argument: String) -> String {
    let parts = argument.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let host = parts[1].prefix(while: { $0 != "/" }).lastIndex(of: "@"),
      let colon = parts[1][..<host].firstIndex(of: ":")
    else { return argument }
    return "\(parts[0])://\(parts[1][...colon])\(mask)\(parts[1][host...])"
  }

  private static func withoutKey(_ argument: String) -> String {
    let start = argument.lastIndex { "=:,".contains($0) }.map { argument.index(after: $0) } ?? argument.startIndex
    let value = argument[start...]
    guard value.count >= 16, secretBeginnings.contains(where: { value.hasPrefix($0) }) else { return argument }
    return argument[..<start] + mask
  }
}
