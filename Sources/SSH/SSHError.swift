internal import Platform

/// What went wrong between here and a server. No message holds a secret.
package struct SSHError: Error, Sendable {
  package enum Code: String, Sendable {
    case dnsFailed = "dns_failed"
    case connectRefused = "connect_refused"
    case connectTimeout = "connect_timeout"
    case unreachable
    case hostKeyUnknown = "host_key_unknown"
    case hostKeyChanged = "host_key_changed"
    case authFailed = "auth_failed"
    /// A private key's file is missing, closed to us or open to others, or its text is not a key.
    case keyUnreadable = "key_unreadable"
    /// A private key is encrypted, and the passphrase is missing or wrong.
    case keyPassphrase = "key_passphrase"
    case agentUnavailable = "agent_unavailable"
    /// The server does not speak SSH, or nothing that both understand.
    case protocolFailed = "protocol_failed"
    /// The server refused a channel, a terminal or a command.
    case requestRefused = "request_refused"
    /// The session or the channel has ended.
    case closed
    /// Nothing came for too long.
    case timeout
    case cancelled
    /// More output than the caller allowed.
    case tooLarge = "too_large"
    /// A command that was to put a file in place failed.
    case uploadFailed = "upload_failed"
    /// The known hosts can't be read or written.
    case knownHosts = "known_hosts"
    /// The system refused something on this side.
    case system
  }

  package var code: Code
  /// A sentence for people; it says what to do where something can be done.
  package var message: String
  /// The server's key, where it is about that.
  package var hostKey: HostKey?
  /// What was tried to log in, in order: `key file ~/.ssh/id_ed25519`, `agent key SHA256:…`, `password`.
  package var tried: [String]
  /// The methods that the server offers.
  package var offered: [String]
  package var host: String?
  package var port: Int?

  package init(
    _ code: Code, _ message: String, hostKey: HostKey? = nil, tried: [String] = [], offered: [String] = [],
    host: String? = nil, port: Int? = nil
  ) {
    self.code = code
    self.message = message
    self.hostKey = hostKey
    self.tried = tried
    self.offered = offered
    self.host = host
    self.port = port
  }

  /// The same failure told of a server.
  func about(_ endpoint: SSHEndpoint) -> SSHError {
    var error = self
    error.host = host ?? endpoint.host
    error.port = port ?? endpoint.port
    return error
  }
}

extension SSHError: CustomStringConvertible {
  package var description: String { "\(code.rawValue): \(message)" }
}

extension SSHEndpoint {
  /// `host`, or `host:port` where the port is not the usual one.
  var place: String {
    port == 22 ? host : host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
