import BerthProtocol
import JSON
import SSH

/// How an instance is reached today: what was said of it, and what `~/.ssh/config` adds.
struct InstanceAccess: Sendable {
  var target: SSHTarget
  /// What of the configuration is not supported, and the like.
  var warnings: [String] = []
  /// What must not appear in any output.
  var masked: [String] = []
  /// What sudo is answered with, where there is something.
  var sudoPassword: String?

  /// - Parameter secrets: The instance's, opened.
  /// - Throws: `invalid_argument` where a machine to go through is not named as one.
  init(_ instance: Instance, secrets: [InstanceSecretName: String], user: LocalUser) throws {
    let config = instance.useConfig ? SSHConfig(path: user.home + "/.ssh/config") : nil
    var warnings: [String] = []
    let own = config?.resolve(instance.host)
    warnings += own?.unsupported ?? []
    let endpoint = SSHEndpoint(
      host: own?.hostName ?? instance.host, port: instance.port ?? own?.port ?? 22,
      user: instance.user ?? own?.user ?? user.name)
    let policy: SSH.HostKeyPolicy = instance.hostKeyPolicy == .tofu ? .tofu : .strict
    var credentials: [SSHCredential] = []
    if let key = secrets[.privateKey] {
      credentials.append(.key(Array(key.utf8), passphrase: secrets[.passphrase]))
    }
    if let file = instance.identityFile {
      credentials.append(.keyFile(user.expand(file), passphrase: secrets[.passphrase]))
    }
    // A key that was given opens the machines on the way, too; a password is told to the last one only.
    let given = credentials
    var jumps: [SSHTarget] = []
    for hop in try Self.hops(instance.proxyJump, own) {
      let entry = config?.resolve(hop.host)
      warnings += entry?.unsupported ?? []
      jumps.append(
        SSHTarget(
          endpoint: SSHEndpoint(
            host: entry?.hostName ?? hop.host, port: hop.port ?? entry?.port ?? 22,
            user: hop.user ?? entry?.user ?? user.name),
          credentials: given + Self.keys(instance, entry, user, passphrase: nil), hostKeyPolicy: policy))
    }
    // What was given for this very machine is all that is tried, besides the agent.
    let isGiven = !credentials.isEmpty || secrets[.password] != nil
    credentials += Self.keys(instance, own, user, passphrase: secrets[.passphrase], onlyAgent: isGiven)
    if let password = secrets[.password] { credentials.append(.password(password)) }
    target = SSHTarget(endpoint: endpoint, credentials: credentials, hostKeyPolicy: policy, jumps: jumps)
    self.warnings = warnings
    sudoPassword = secrets[.sudoPassword] ?? secrets[.password]
    masked = Self.masked(secrets)
  }

  /// Keys of the agent, of the configuration, and those that OpenSSH looks for.
  private static func keys(
    _ instance: Instance, _ entry: SSHConfigHost?, _ user: LocalUser, passphrase: String?, onlyAgent: Bool = false
  ) -> [SSHCredential] {
    var credentials: [SSHCredential] = []
    let files = entry?.identityFiles ?? []
    if instance.useAgent, entry?.identitiesOnly != true || files.isEmpty {
      let socket = entry?.identityAgent.map(user.expand) ?? user.agentSocket
      if let socket, socket != "none" { credentials.append(.agent(socket: socket)) }
    }
    guard !onlyAgent else { return credentials }
    let usual = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"].map(user.expand).filter(isReadable)
    return credentials
      + (files.isEmpty ? usual : files.map(user.expand)).map { .keyFile($0, passphrase: passphrase) }
  }

  private static func hops(_ given: String?, _ entry: SSHConfigHost?) throws -> [JumpHost] {
    if let given { return try JumpHost.list(given) }
    return try (entry?.proxyJump ?? []).flatMap { try JumpHost.list($0) }
  }

  /// Each line of a secret that is long enough not to be found by chance.
  private static func masked(_ secrets: [InstanceSecretName: String]) -> [String] {
    secrets.values.flatMap { $0.split(separator: "\n") }.map { String($0) }.filter { $0.utf8.count >= 4 }
  }
}
