import Glibc
import Platform
import SSH
import TestSupport

/// An sshd of this machine's own on a loopback port, with keys, settings and accounts of its own.
final class RealServer: Sendable {
  let folder: TemporaryFolder
  let port: Int
  private let process: ChildProcess

  /// Whether this machine has an sshd and lets us run it.
  static let isPossible = geteuid() == 0 && access("/usr/sbin/sshd", X_OK) == 0 && Machine.has("ssh-keygen")

  /// Whether it can be given accounts of its own.
  static let canHaveAccounts = isPossible && Machine.has("unshare") && Machine.has("openssl")

  /// The user with a password where there are accounts.
  static let user = "gustav"
  static let password = "correct horse ümlaut"

  /// - Parameters:
  ///   - settings: Lines of sshd_config(5), before all others.
  ///   - hostKeys: Types of its host keys.
  ///   - accounts: Whether it has a user with a password. It sees lists of accounts of its own then, not the machine's.
  init(
    settings: [String] = [], hostKeys: [String] = ["ed25519"], accounts: Bool = false, port: Int? = nil
  ) throws {
    let folder = try TemporaryFolder()
    self.folder = folder
    try folder.shell("chmod 755 .; mkdir -p /run/sshd; touch authorized_keys")
    for type in hostKeys { try folder.shell("ssh-keygen -q -t \(type) -N '' -f host_\(type)") }
    try folder.shell("ssh-keygen -q -t ed25519 -N '' -C test -f key; cat key.pub >> authorized_keys")
    var lines = settings
    lines += hostKeys.map { "HostKey \(folder.path)/host_\($0)" }
    lines += [
      "AuthorizedKeysFile \(folder.path)/authorized_keys", "StrictModes no", "PidFile none", "UsePAM no",
      "PermitRootLogin yes", "MaxStartups 200", "MaxSessions 200", "ListenAddress 127.0.0.1", "LogLevel VERBOSE",
    ]
    try folder.write("sshd_config", lines.joined(separator: "\n") + "\n")
    var start = "exec /usr/sbin/sshd -D -e -f '\(folder.path)/sshd_config'"
    if accounts {
      try folder.shell(
        """
        cp /etc/passwd passwd; cp /etc/shadow shadow; cp /etc/group group
        echo '\(Self.user):x:4321:4321::/tmp:/bin/sh' >> passwd
        echo '\(Self.user):x:4321:' >> group
        hash=$(openssl passwd -6 -stdin <<< '\(Self.password)')
        echo "\(Self.user):$hash:19000:0:99999:7:::" >> shadow
        chmod 600 shadow
        """)
      start = """
        unshare --mount --propagation private sh -c 'cd "\(folder.path)"; \
        for f in passwd shadow group; do mount --bind $f /etc/$f; done; \
        exec /usr/sbin/sshd -D -e -f "$PWD/sshd_config" -p '"$1"
        """
    }
    // The port may be somebody else's by the time that sshd listens.
    var started: (ChildProcess, Int)?
    for _ in 0..<5 where started == nil {
      let number = try port ?? Self.freePort()
      started = try Self.start(accounts ? "exec \(start)" : "\(start) -p $1", number, folder).map { ($0, number) }
    }
    guard let started else {
      throw ShellFailure(description: "sshd does not start: \(try folder.read("log") ?? "")")
    }
    (process, self.port) = started
  }

  /// Starts one, on a thread that may wait.
  static func start(
    settings: [String] = [], hostKeys: [String] = ["ed25519"], accounts: Bool = false, port: Int? = nil
  ) async throws -> RealServer {
    try await withCheckedThrowingContinuation { continuation in
      startDetached("start-sshd") {
        continuation.resume(
          with: Result { try RealServer(settings: settings, hostKeys: hostKeys, accounts: accounts, port: port) })
      }
    }
  }

  deinit {
    stop()
  }

  /// Ends it, and the sessions that it serves.
  func stop() {
    // A session's process is in a process group of its own, and its parent's number leads to it.
    for session in sessions { kill(session, SIGKILL) }
    process.send(SIGKILL)
    process.wait()
  }

  /// The processes that serve sessions.
  var sessions: [Int32] {
    let text = (try? folder.shell("pgrep -P \(process.processID) || true")) ?? ""
    return text.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
  }

  func signalSessions(_ signal: Int32) {
    for session in sessions {
      let children = (try? folder.shell("pgrep -P \(session) || true")) ?? ""
      for child in children.split(whereSeparator: \.isWhitespace).compactMap({ Int32($0) }) where signal != SIGKILL {
        kill(child, signal)
      }
      kill(session, signal)
    }
  }

  var log: String { (try? folder.read("log")) ?? "" }

  // MARK: Targets

  var key: SSHCredential { .keyFile("\(folder.path)/key", passphrase: nil) }

  func target(
    _ credentials: [SSHCredential]? = nil, user: String = "root", policy: HostKeyPolicy = .tofu, port: Int? = nil,
    jumps: [SSHTarget] = []
  ) -> SSHTarget {
    SSHTarget(
      endpoint: SSHEndpoint(host: "127.0.0.1", port: port ?? self.port, user: user), credentials: credentials ?? [key],
      hostKeyPolicy: policy, jumps: jumps)
  }

  var knownHosts: KnownHosts { KnownHosts(own: "\(folder.path)/known_hosts") }

  func connect(limits: SSHLimits = SSHLimits()) async throws -> SSHSession {
    try await SSHSession.connect(to: target(), knownHosts: knownHosts, limits: limits)
  }

  // MARK: Parts

  static func freePort() throws -> Int { try ListeningSocket().port }

  private static func start(_ command: String, _ port: Int, _ folder: TemporaryFolder) throws -> ChildProcess? {
    unlink("\(folder.path)/log")
    let log = try OwnedDescriptor.appending(to: "\(folder.path)/log")
    let process = try ChildProcess(
      "/bin/sh", ["-c", command, "sh", "\(port)"], input: .null(), output: log, error: log)
    var hasEnded = false
    let isUp = waits(seconds: 20) {
      if process.endedWith != nil {
        hasEnded = true
        return true
      }
      return (try? folder.read("log"))?.contains("Server listening") == true
    }
    if isUp, !hasEnded { return process }
    if !hasEnded {
      process.send(SIGKILL)
      process.wait()
    }
    return nil
  }
}

/// How long something takes, in seconds.
func seconds(_ body: () async throws -> Void) async rethrows -> Double {
  let start = Timestamp.monotonicNanoseconds()
  try await body()
  return Double(Timestamp.monotonicNanoseconds() - start) / 1e9
}

/// Asks again and again until something is so, and lets others run meanwhile.
func eventually(seconds: Double = 30, _ condition: () throws -> Bool) async rethrows -> Bool {
  let deadline = Timestamp.monotonicNanoseconds() + Int64(seconds * 1e9)
  while try !condition() {
    guard Timestamp.monotonicNanoseconds() < deadline else { return false }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return true
}

/// The error that something throws.
func error(_ body: () async throws -> Void) async -> SSHError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? SSHError
  }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// What a channel writes until its end.
func readAll(_ channel: SSHChannel) async throws -> (output: [UInt8], error: [UInt8]) {
  var result: (output: [UInt8], error: [UInt8]) = ([], [])
  while let piece = try await channel.read() {
    switch piece.source {
    case .output: result.output += piece.bytes
    case .error: result.error += piece.bytes
    }
  }
  return result
}
