internal import Glibc
internal import Platform

/// The user's `~/.ssh/config`, as far as it says where and how to connect.
///
/// Reading it never fails: what can't be understood is told in `faults`, and what is understood but not followed in each
/// host's `unsupported`.
package struct SSHConfig: Sendable {
  /// What could not be read or understood: `FILE:LINE: …`.
  package let faults: [String]
  private let lines: [SSHConfigLine]
  private let home: String

  /// - Parameters:
  ///   - path: The file; one that is missing says nothing.
  ///   - home: What `~` stands for; nil for the home of this process's user.
  package init(path: String = "~/.ssh/config", home: String? = nil) {
    self.home = home ?? HomePath.home
    var reader = SSHConfigReader(home: self.home)
    reader.read(path.hasPrefix("~/") ? self.home + path.dropFirst() : path)
    lines = reader.lines
    faults = reader.faults
  }

  /// The names that the file gives to hosts: those without wildcards.
  package var aliases: [String] {
    var seen: Set<String> = []
    return lines.flatMap { $0.conditions?.last ?? [] }
      .filter { name in !name.contains { "*?!".contains($0) } && seen.insert(name).inserted }
  }

  /// What the file says of a host. Of an option that is given twice, the first counts.
  package func resolve(_ alias: String) -> SSHConfigHost {
    var host = SSHConfigHost(alias: alias)
    var identityFiles: [String] = []
    var agent: String?
    var knownHosts: [String]?
    var jump: [String]?
    var seen: Set<String> = []
    for line in lines {
      guard let conditions = line.conditions,
        conditions.allSatisfy({ HostPattern.matches(alias, anyOf: $0) })
      else { continue }
      let first = line.arguments.first ?? ""
      let value = first.lowercased()
      let isFirst = seen.insert(line.keyword).inserted
      // What takes several lines comes first.
      switch line.keyword {
      case "identityfile": identityFiles.append(first)
      case "match":
        host.unsupported.append("\(line.place): Match \(line.arguments.joined(separator: " "))")
      case _ where !isFirst: break
      case "hostname": host.hostName = Self.expand(first, ["h": alias])
      case "user": host.user = first
      case "port":
        if let port = Int(first), 1...65535 ~= port {
          host.port = port
        } else {
          host.unsupported.append("\(line.place): Port \(first) is not a port")
        }
      case "identitiesonly": host.identitiesOnly = value == "yes" || value == "true"
      case "identityagent": agent = first
      case "userknownhostsfile": knownHosts = line.arguments
      case "proxyjump": jump = value == "none" ? [] : first.split(separator: ",").map { $0.trimmingSpaces() }
      case "proxycommand" where value != "none" && jump != nil: break
      case "stricthostkeychecking":
        host.hostKeyPolicy = ["yes", "true", "ask"].contains(value) ? .strict : .tofu
      default:
        if let harmless = Self.notFollowed[line.keyword], !harmless.contains(value) {
          host.unsupported.append(
            "\(line.place): \(Self.spelling(line.keyword)) \(line.arguments.joined(separator: " "))")
        }
      }
    }
    host.proxyJump = jump ?? []
    for name in host.proxyJump where SSHConfigHost.jump(name) == nil {
      host.unsupported.append("ProxyJump \(name) is not [user@]host[:port]")
    }
    let tokens = tokens(of: host)
    func path(_ text: String) -> String {
      let expanded = Self.expand(environment(text), tokens)
      return expanded == "~" || expanded.hasPrefix("~/") ? home + expanded.dropFirst() : expanded
    }
    host.identityFiles = identityFiles.filter { $0.lowercased() != "none" }.map(path)
    if let agent, agent != "SSH_AUTH_SOCK" {
      host.identityAgent =
        agent.hasPrefix("$") && !agent.hasPrefix("${") ? environment("${\(agent.dropFirst())}") : path(agent)
    }
    host.userKnownHostsFiles = (knownHosts ?? []).filter { $0.lowercased() != "none" }.map(path)
    return host
  }

  // MARK: Parts

  private func tokens(of host: SSHConfigHost) -> [Character: String] {
    let localUser = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? ""
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let localHost = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return [
      "h": host.hostName ?? host.alias, "n": host.alias, "p": "\(host.port ?? 22)", "d": home,
      "r": host.user ?? localUser, "u": localUser, "i": "\(getuid())", "l": localHost,
      "L": String(localHost.prefix { $0 != "." }),
    ]
  }

  /// Replaces `%h` and its like; a token that is not known stays.
  private static func expand(_ text: String, _ tokens: [Character: String]) -> String {
    var result = ""
    var isToken = false
    for character in text {
      if isToken {
        result += character == "%" ? "%" : tokens[character] ?? "%\(character)"
        isToken = false
      } else if character == "%" {
        isToken = true
      } else {
        result.append(character)
      }
    }
    return isToken ? result + "%" : result
  }

  /// Replaces `${NAME}`; a variable that is not set is empty.
  private func environment(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      let after = rest[rest.index(after: dollar)...]
      guard after.hasPrefix("{"), let end = after.firstIndex(of: "}") else {
        result += rest[...dollar]
        rest = after
        continue
      }
      let name = String(after[after.index(after: after.startIndex)..<end])
      result += rest[..<dollar] + (getenv(name).map { String(cString: $0) } ?? "")
      rest = after[after.index(after: end)...]
    }
    return result + rest
  }

  /// Options that change how a connection is made and are not followed, with the values that change nothing.
  private static let notFollowed: [String: Set<String>] = [
    "proxycommand": ["none"], "proxyusefdpass": ["no"], "certificatefile": ["none"], "pkcs11provider": ["none"],
    "securitykeyprovider": ["internal"], "smartcarddevice": [], "hostkeyalias": [], "bindaddress": [],
    "bindinterface": [], "addressfamily": ["any"], "hostkeyalgorithms": [], "kexalgorithms": [], "ciphers": [],
    "macs": [], "pubkeyacceptedalgorithms": [], "pubkeyacceptedkeytypes": [], "casignaturealgorithms": [],
    "preferredauthentications": [], "pubkeyauthentication": ["yes", "unbound", "host-bound"],
    "passwordauthentication": ["yes"], "kbdinteractiveauthentication": ["yes"],
    "challengeresponseauthentication": ["yes"], "gssapiauthentication": ["no"], "hostbasedauthentication": ["no"],
    "globalknownhostsfile": ["none"], "knownhostscommand": ["none"], "revokedhostkeys": ["none"],
    "verifyhostkeydns": ["no"], "canonicalizehostname": ["no"], "controlpath": ["none"], "usekeychain": ["no"],
    "requiredrsasize": [],
  ]

  private static func spelling(_ keyword: String) -> String { spellings[keyword] ?? keyword }

  private static let spellings: [String: String] = {
    let names = """
      ProxyCommand ProxyUseFdpass CertificateFile PKCS11Provider SecurityKeyProvider SmartcardDevice HostKeyAlias \
      BindAddress BindInterface AddressFamily HostKeyAlgorithms KexAlgorithms Ciphers MACs PubkeyAcceptedAlgorithms \
      PubkeyAcceptedKeyTypes CASignatureAlgorithms PreferredAuthentications PubkeyAuthentication \
      PasswordAuthentication KbdInteractiveAuthentication ChallengeResponseAuthentication GSSAPIAuthentication \
      HostbasedAuthentication GlobalKnownHostsFile KnownHostsCommand RevokedHostKeys VerifyHostKeyDNS \
      CanonicalizeHostname ControlPath UseKeychain RequiredRSASize
      """
    return Dictionary(uniqueKeysWithValues: names.split(separator: " ").map { ($0.lowercased(), String($0)) })
  }()
}
