import BerthProtocol
import Platform

/// An agent as it is used: what the configuration declares, with what its preset adds, and its secrets.
struct ResolvedAgent: Sendable {
  let name: String
  let kind: AgentKind
  let title: String
  /// With what the preset adds.
  let config: AgentConfig
  /// By the names of environment variables.
  let secrets: [String: String]

  /// What programs get of the server's own environment; the rest is the business of whoever started it.
  private static let inherited: Set<String> = [
    "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TMPDIR", "TZ", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
  ]

  /// The whole environment of its program, `NAME=value`, sorted.
  func environment(_ own: [String: String] = [:]) -> [String] {
    var values = ["PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "dumb"]
    for (name, value) in ProcessEnvironment.current where Self.inherited.contains(name) || name.hasPrefix("LC_") {
      values[name] = value
    }
    values.merge(config.env ?? [:]) { $1 }
    values.merge(secrets) { $1 }
    values.merge(own) { $1 }
    return values.map { "\($0.key)=\($0.value)" }.sorted()
  }

  /// Its program and arguments, with what the words in braces stand for.
  func arguments(_ words: [String: String]) -> [String] {
    var arguments = [config.command ?? ""]
    for argument in config.args ?? [] { arguments.append(Self.substitute(argument, words)) }
    return arguments
  }

  /// Puts values for `{name}`. What is no such name stays as it is, and nothing is looked through twice.
  private static func substitute(_ text: String, _ words: [String: String]) -> String {
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      result += rest[..<open]
      let behind = rest[rest.index(after: open)...]
      if let close = behind.firstIndex(of: "}"), let value = words[String(behind[..<close])] {
        result += value
        rest = behind[behind.index(after: close)...]
      } else {
        result += "{"
        rest = behind
      }
    }
    return result + rest
  }
}
