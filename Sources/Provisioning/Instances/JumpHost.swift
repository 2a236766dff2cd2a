import BerthProtocol

/// A machine to go through: `[user@]host[:port]`, with an IPv6 address in brackets.
struct JumpHost: Sendable {
  var user: String?
  var host: String
  var port: Int?

  /// Reads a list with commas, or `none`. A hop is never left out: who names one does not want to go without it.
  ///
  /// - Throws: `invalid_argument`.
  static func list(_ text: String) throws -> [JumpHost] {
    if text.lowercased() == "none" { return [] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      if let hop = JumpHost(part) { return hop }
      throw ProtocolError(
        .invalidArgument,
        "“\(part)” is no machine to go through. Write [user@]host[:port], several with commas, or none.")
    }
  }

  private init?(_ text: Substring) {
    var rest = text.hasPrefix("ssh://") ? text.dropFirst(6) : text
    if let at = rest.lastIndex(of: "@") {
      let name = rest[..<at]
      guard !name.isEmpty, !name.hasPrefix("-") else { return nil }
      user = String(name)
      rest = rest[rest.index(after: at)...]
    }
    if rest.first == "[" {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      rest = rest[rest.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else { return nil }
    } else if let colon = rest.firstIndex(of: ":") {
      host = String(rest[..<colon])
      rest = rest[colon...]
    } else {
      host = String(rest)
      rest = ""
    }
    if !rest.isEmpty {
      guard let number = Int(rest.dropFirst()), (1...65535).contains(number) else { return nil }
      port = number
    }
    if host.isEmpty || host.hasPrefix("-") || host.contains(where: { $0.isWhitespace || $0 == "/" }) { return nil }
  }
}
