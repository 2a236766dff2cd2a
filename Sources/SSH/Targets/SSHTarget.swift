/// What a session proves its user by.
package enum SSHCredential: Sendable {
  /// The keys of an agent; nil for the one of `SSH_AUTH_SOCK`.
  case agent(socket: String?)
  /// A private key's path; `~` is the home of this process's user.
  case keyFile(String, passphrase: String?)
  /// A private key's text.
  case key([UInt8], passphrase: String?)
  /// For the method `password`, and for each question that `keyboard-interactive` asks unseen.
  case password(String)
}

/// What happens with a host key that is not known yet. One that has changed is always refused.
package enum HostKeyPolicy: Sendable {
  /// It is refused, and the error holds it.
  case strict
  /// It is accepted and written down, unless another type of key is known for the host.
  case tofu
}

/// Where to log in, and as whom.
package struct SSHEndpoint: Sendable, Hashable {
  /// A name or an address.
  package var host: String
  package var port: Int
  package var user: String

  package init(host: String, port: Int = 22, user: String) {
    self.host = host
    self.port = port
    self.user = user
  }
}

/// A server, and how to get in.
package struct SSHTarget: Sendable {
  package var endpoint: SSHEndpoint
  /// Tried in this order.
  package var credentials: [SSHCredential]
  package var hostKeyPolicy: HostKeyPolicy
  /// The servers to go through; the first is reached first.
  package var jumps: [SSHTarget]

  package init(
    endpoint: SSHEndpoint, credentials: [SSHCredential], hostKeyPolicy: HostKeyPolicy = .strict,
    jumps: [SSHTarget] = []
  ) {
    self.endpoint = endpoint
    self.credentials = credentials
    self.hostKeyPolicy = hostKeyPolicy
    self.jumps = jumps
  }

  /// All servers on the way, this one last, none of them with jumps of its own.
  var hops: [SSHTarget] {
    var last = self
    last.jumps = []
    return jumps.flatMap(\.hops) + [last]
  }
}

/// How long a session waits, in seconds. They count for each server on the way.
package struct SSHLimits: Sendable {
  /// For name resolution and the connection together, and as long again for the key exchange.
  package var connectSeconds: Double
  /// For all credentials together.
  package var authSeconds: Double
  /// For output of a channel; nil for no limit.
  package var silenceSeconds: Double?
  /// After how long without a sign of life the server is asked for one; 0 for never.
  package var keepAliveSeconds: Double
  /// After how many such times without a sign of life the session is given up.
  package var keepAliveMisses: Int

  package init(
    connectSeconds: Double = 15, authSeconds: Double = 30, silenceSeconds: Double? = nil,
    keepAliveSeconds: Double = 15, keepAliveMisses: Int = 3
  ) {
    self.connectSeconds = connectSeconds
    self.authSeconds = authSeconds
    self.silenceSeconds = silenceSeconds
    self.keepAliveSeconds = keepAliveSeconds
    self.keepAliveMisses = keepAliveMisses
  }
}
