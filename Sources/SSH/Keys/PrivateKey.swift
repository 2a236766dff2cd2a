internal import Glibc
internal import Platform
internal import JSON

/// A private key as it is given: what can be told of it without its passphrase.
struct PrivateKey {
  enum Format { case openSSH, pem }

  let bytes: [UInt8]
  let format: Format
  let isEncrypted: Bool
  /// Such as `ssh-ed25519`; nil where only libssh2 can tell.
  let type: String?

  /// - Parameter name: What to call it in errors: "The key file ~/.ssh/id_ed25519".
  init(_ bytes: [UInt8], name: String) throws(SSHError) {
    let text = String(decoding: bytes, as: UTF8.self)
    self.bytes = bytes
    let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingSpaces() }
    guard let begin = lines.firstIndex(where: { $0.hasPrefix("-----BEGIN ") && $0.hasSuffix("PRIVATE KEY-----") })
    else {
      if text.hasPrefix("ssh-") || text.hasPrefix("ecdsa-") || text.hasPrefix("sk-") {
        throw SSHError(.keyUnreadable, "\(name) is a public key. Give the private one, which has no .pub at its end.")
      }
      if text.hasPrefix("PuTTY-User-Key-File") {
        throw SSHError(
          .keyUnreadable, "\(name) is a key of PuTTY's. Convert it: puttygen KEY -O private-openssh -o NEW.")
      }
      throw SSHError(.keyUnreadable, "\(name) is not a private key in OpenSSH's or in PEM format.")
    }
    guard lines[begin...].contains(where: { $0.hasPrefix("-----END ") }) else {
      throw SSHError(.keyUnreadable, "\(name) is cut off: its last line is missing.")
    }
    let label = lines[begin].dropFirst(11).dropLast(16).trimmingSpaces()
    if label == "OPENSSH" {
      format = .openSSH
      let body = lines[(begin + 1)...].prefix { !$0.hasPrefix("-----") }.joined()
      guard let header = Base64.decode(body).flatMap(Header.init) else {
        throw SSHError(.keyUnreadable, "\(name) is damaged: it can't be decoded.")
      }
      isEncrypted = header.isEncrypted
      type = header.type
    } else {
      format = .pem
      isEncrypted = label == "ENCRYPTED" || lines.contains { $0.hasPrefix("Proc-Type:") && $0.contains("ENCRYPTED") }
      type = label == "RSA" ? "ssh-rsa" : label == "DSA" ? "ssh-dss" : nil
    }
  }

  /// The part of an OpenSSH key that is never encrypted (PROTOCOL.key).
  private struct Header {
    let isEncrypted: Bool
    let type: String?

    init?(_ bytes: [UInt8]) {
      let magic = Array("openssh-key-v1\0".utf8)
      guard bytes.starts(with: magic) else { return nil }
      var fields = FieldReader(Array(bytes.dropFirst(magic.count)))
      guard let cipher = fields.text(), fields.text() != nil, fields.string() != nil, fields.integer() != nil,
        let blob = fields.string()
      else { return nil }
      isEncrypted = cipher != "none"
      type = HostKey(blob: blob)?.type
    }
  }

  /// Reads a key file, as strictly as ssh does: one that others can read is not used.
  static func read(_ path: String) throws(SSHError) -> PrivateKey {
    let name = "The key file \(path)"
    let full = HomePath.expand(path)
    let bytes: [UInt8]
    do throws(SystemError) {
      let number = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard number >= 0 else { throw SystemError("open", path: path) }
      let file = OwnedDescriptor(adopting: number)
      let status = try file.status()
      guard status.kind == .file else { throw SystemError(errno: EINVAL, operation: "open", path: path) }
      guard status.size <= 1 << 20 else { throw SystemError(errno: EFBIG, operation: "open", path: path) }
      if status.owner == geteuid(), status.permissions & 0o077 != 0 {
        throw SystemError(errno: EPERM, operation: "permissions", path: path)
      }
      bytes = try file.readAll()
    } catch {
      switch error.errno {
      case ENOENT: throw SSHError(.keyUnreadable, "\(name) does not exist.")
      case EACCES: throw SSHError(.keyUnreadable, "\(name) can't be read: permission denied.")
      case EINVAL, EISDIR: throw SSHError(.keyUnreadable, "\(name) is not a file.")
      case EPERM where error.operation == "permissions":
        throw SSHError(.keyUnreadable, "\(name) can be read by others: chmod 600 it, and it is used.")
      default: throw SSHError(.keyUnreadable, "\(name) can't be read: \(error.reason).")
      }
    }
    return try PrivateKey(bytes, name: name)
  }
}

extension StringProtocol {
  func trimmingSpaces() -> String {
    var rest = self[...]
    while let first = rest.first, first.isWhitespace { rest = rest.dropFirst() }
    while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
    return String(rest)
  }
}
