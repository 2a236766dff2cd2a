/// What `~/.ssh/config` says of one host. What is nil or empty was not said.
package struct SSHConfigHost: Sendable, Hashable {
  /// The name that was asked for.
  package var alias: String
  /// Where to connect to, where that is not the alias.
  package var hostName: String?
  package var user: String?
  package var port: Int?
  /// In order, with `~` and tokens resolved.
  package var identityFiles: [String] = []
  /// Whether an agent's other keys are not to be tried.
  package var identitiesOnly = false
  /// The agent's socket; `none` for no agent.
  package var identityAgent: String?
  /// The servers to go through, each `[user@]host[:port]`, the first first; each is an alias itself.
  package var proxyJump: [String] = []
  package var userKnownHostsFiles: [String] = []
  /// What `StrictHostKeyChecking` comes to; even `no` does not let a changed key through.
  package var hostKeyPolicy: HostKeyPolicy?
  /// Options that would change how the connection is made and that are not followed: `FILE:LINE: ProxyCommand …`.
  package var unsupported: [String] = []

  package init(alias: String) {
    self.alias = alias
  }

  /// Takes `[user@]host[:port]` or `ssh://[user@]host[:port]` apart; nil where it is neither.
  package static func jump(_ text: String) -> (user: String?, host: String, port: Int?)? {
    var rest = text[...]
    if rest.hasPrefix("ssh://") {
      rest = rest.dropFirst(6)
      if rest.hasSuffix("/") { rest = rest.dropLast() }
    }
    var user: String?
    if let at = rest.lastIndex(of: "@") {
      user = String(rest[..<at])
      rest = rest[rest.index(after: at)...]
    }
    var port: Int?
    if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
      let after = rest[rest.index(after: end)...]
      if after.hasPrefix(":") { port = Int(after.dropFirst()) }
      guard after.isEmpty || port != nil else { return nil }
      rest = rest[rest.index(after: rest.startIndex)..<end]
    } else if let colon = rest.firstIndex(of: ":"), rest.lastIndex(of: ":") == colon {
      guard let number = Int(rest[rest.index(after: colon)...]) else { return nil }
      port = number
      rest = rest[..<colon]
    }
    if let port, !(1...65535 ~= port) { return nil }
    return rest.isEmpty || user == "" ? nil : (user, String(rest), port)
  }
}
