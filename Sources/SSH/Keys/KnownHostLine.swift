internal import Crypto
internal import JSON

/// A line of a list of known hosts: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
struct KnownHostLine {
  enum Marker { case none, revoked, authority, unknown }

  let marker: Marker
  /// Patterns in the clear, or one hashed name.
  let hosts: [Substring]
  let type: Substring
  let blob: [UInt8]

  /// Nil for comments, empty lines and what can't be understood.
  init?(_ line: Substring) {
    var fields = line.split(maxSplits: 4, whereSeparator: { $0 == " " || $0 == "\t" })[...]
    guard let first = fields.first, first.first != "#" else { return nil }
    if first.first == "@" {
      marker =
        switch first {
        case "@revoked": .revoked
        case "@cert-authority": .authority
        default: .unknown
        }
      fields = fields.dropFirst()
    } else {
      marker = .none
    }
    guard fields.count >= 3 else { return nil }
    let parts = Array(fields)
    hosts = parts[0].split(separator: ",")
    type = parts[1]
    guard let blob = Base64.decode(String(parts[2])), !blob.isEmpty else { return nil }
    self.blob = blob
  }

  /// - Parameter name: As `KnownHosts.name(host:port:)` makes it.
  func matches(_ name: String) -> Bool {
    if let first = hosts.first, first.hasPrefix("|") { return Self.hashed(first, is: name) }
    return HostPattern.matches(name, anyOf: hosts.map { $0.lowercased() })
  }

  /// Whether `field`, which is `|1|salt|hash`, is this name.
  static func hashed(_ field: Substring, is name: String) -> Bool {
    let parts = field.split(separator: "|")
    guard parts.count == 3, parts[0] == "1", let salt = Base64.decode(String(parts[1])),
      let hash = Base64.decode(String(parts[2]))
    else { return false }
    var code = HMAC<Insecure.SHA1>(key: SymmetricKey(data: salt))
    Array(name.utf8).withUnsafeBytes { bytes in code.update(data: bytes) }
    return Array(code.finalize()) == hash
  }
}
