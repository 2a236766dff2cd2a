internal import Platform
internal import Synchronization
internal import JSON

/// What is known of the keys of hosts: a list of our own, and others that are only read (OpenSSH's format).
package final class KnownHosts: Sendable {
  package enum State: Sendable, Hashable {
    case known
    /// No key of this type is known for the host.
    case unknown
    /// Another key of this type is known for the host.
    case changed(line: Int, file: String)
    /// This key is marked as revoked.
    case revoked(line: Int, file: String)
  }

  private let own: String
  private let files: [String]
  /// Held by who changes a list: they are written whole, and two of these may have the same one.
  private static let changing = Mutex(())

  /// - Parameters:
  ///   - own: Our own list, which need not exist yet.
  ///   - others: Lists that are read too, such as the user's `~/.ssh/known_hosts`.
  package init(own: String, others: [String] = []) {
    self.own = own
    files = [own] + others.map(HomePath.expand)
  }

  /// What the lists say of a key that a host showed.
  package func state(of key: HostKey, host: String, port: Int) -> State {
    let name = Self.name(host: host, port: port)
    var state = State.unknown
    for entry in entries(for: name) {
      switch entry.line.marker {
      case .revoked where entry.line.blob == key.blob: return .revoked(line: entry.number, file: entry.file)
      case .none where entry.line.blob == key.blob: state = .known
      case .none where entry.line.type == key.type && state == .unknown:
        state = .changed(line: entry.number, file: entry.file)
      default: break
      }
    }
    return state
  }

  /// Where other things are known of a host than plain keys of this type: `ssh-ed25519 in FILE line 3`.
  func otherEntries(than key: HostKey, host: String, port: Int) -> (keys: [String], authorities: [String]) {
    let found = entries(for: Self.name(host: host, port: port))
    return (
      found.filter { $0.line.marker == .none && $0.line.type != key.type }
        .map { "\($0.line.type) in \($0.file) line \($0.number)" },
      found.filter { $0.line.marker == .authority }.map { "\($0.file) line \($0.number)" }
    )
  }

  /// The types of the keys that are known for a host, so that the server can be asked for one of these.
  func types(host: String, port: Int) -> [String] {
    entries(for: Self.name(host: host, port: port)).filter { $0.line.marker == .none }.map { String($0.line.type) }
  }

  /// The fingerprints of the keys that are known for a host.
  package func fingerprints(host: String, port: Int) -> [String] {
    entries(for: Self.name(host: host, port: port)).filter { $0.line.marker == .none }
      .compactMap { HostKey(blob: $0.line.blob)?.fingerprint }
  }

  /// Writes a key down in our own list.
  ///
  /// - Throws: `SSHError`, `hostKeyChanged` where another key of this type is known: forget that one first.
  package func accept(_ key: HostKey, host: String, port: Int) throws {
    try Self.changing.withLock { _ in
      switch state(of: key, host: host, port: port) {
      case .known: return
      case .changed(let line, let file), .revoked(let line, let file):
        throw SSHError(
          .hostKeyChanged,
          "\(file) line \(line) speaks against this key of \(host): remove that line first if you trust the new key.",
          hostKey: key, host: host, port: port)
      case .unknown: break
      }
      try change { text in
        var text = text
        if let last = text.last, last != "\n" { text += "\n" }
        return text + "\(Self.name(host: host, port: port)) \(key.type) \(Base64.encode(key.blob))\n"
      }
    }
  }

  /// Removes what our own list knows of a host; the others stay as they are.
  package func forget(host: String, port: Int) throws {
    let name = Self.name(host: host, port: port)
    try Self.changing.withLock { _ in
      try change { text in
        text.split(separator: "\n", omittingEmptySubsequences: false)
          .filter { text in
            guard let line = KnownHostLine(text), line.marker == .none else { return true }
            return !line.matches(name)
          }
          .joined(separator: "\n")
      }
    }
  }

  /// How the lists name a host: `[host]:port` where the port is not the usual one.
  static func name(host: String, port: Int) -> String {
    let host = host.lowercased()
    return port == 22 ? host : "[\(host)]:\(port)"
  }

  // MARK: Parts

  private struct Entry {
    let file: String
    let number: Int
    let line: KnownHostLine
  }

  /// The lines for a host. A list that can't be read knows nothing: a key that only it has counts as unknown.
  private func entries(for name: String) -> [Entry] {
    files.flatMap { file -> [Entry] in
      guard let bytes = try? SmallFile.read(file) else { return [] }
      let text = String(decoding: bytes, as: UTF8.self)
      var entries: [Entry] = []
      for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
        guard let line = KnownHostLine(line), line.matches(name) else { continue }
        entries.append(Entry(file: file, number: index + 1, line: line))
      }
      return entries
    }
  }

  private func change(_ body: (String) -> String) throws(SSHError) {
    do throws(SystemError) {
      let before = String(decoding: try SmallFile.read(own) ?? [], as: UTF8.self)
      let after = body(before)
      if after != before { try SmallFile.replace(own, with: Array(after.utf8)) }
    } catch {
      throw SSHError(.knownHosts, "The list of known hosts can't be changed: \(error).")
    }
  }
}
