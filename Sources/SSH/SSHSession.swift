internal import Glibc
internal import Platform
internal import Synchronization

/// A session with an SSH server: one connection, and as many channels as the server allows.
///
/// Each has a thread of its own, which is the only one that touches libssh2's session; all functions may be called from
/// anywhere. Whatever they throw is an `SSHError` or a `CancellationError`. The session is closed when nobody holds it
/// or a channel of it any more.
package final class SSHSession: Sendable {
  package let endpoint: SSHEndpoint
  /// The key that the server has shown, and that is trusted.
  package let hostKey: HostKey
  /// The server's identification, such as `SSH-2.0-OpenSSH_9.2p1`.
  package let banner: String?
  private let mailbox: Mailbox
  private let limits: SSHLimits
  /// How many channels are held.
  private let channels = Atomic<Int>(0)
  /// The session that this one goes through.
  private let jump: SSHSession?

  private init(_ start: Start, _ mailbox: Mailbox, _ endpoint: SSHEndpoint, _ limits: SSHLimits, _ jump: SSHSession?) {
    hostKey = start.hostKey
    banner = start.banner
    self.mailbox = mailbox
    self.endpoint = endpoint
    self.limits = limits
    self.jump = jump
  }

  deinit {
    mailbox.stop()
  }

  /// Connects to a server through all jumps on the way, checks each one's key, and logs in.
  package static func connect(
    to target: SSHTarget, knownHosts: KnownHosts, limits: SSHLimits = SSHLimits()
  ) async throws -> SSHSession {
    var hops = target.hops
    let last = hops.removeLast()
    var jump: SSHSession?
    for hop in hops { jump = try await connect(hop, through: jump, knownHosts, limits) }
    return try await connect(last, through: jump, knownHosts, limits)
  }

  /// Whether the session is there, as far as is known.
  package var isOpen: Bool { mailbox.isOpen }

  /// Ends the session, all of its channels, and the sessions that it goes through. It may be called again.
  package func close() {
    mailbox.stop()
    jump?.close()
  }

  /// How many channels are open, those that are just being opened included.
  package var openChannels: Int { channels.load(ordering: .relaxed) }

  func countChannel(_ change: Int) { channels.add(change, ordering: .relaxed) }

  /// Opens a channel and starts a command on it.
  ///
  /// - Parameters:
  ///   - command: What the user's shell is to run; nil for a login shell.
  ///   - terminal: Its terminal; nil for none, which keeps output and errors apart.
  package func open(_ command: String?, terminal: TerminalSize? = nil) async throws -> SSHChannel {
    let kind = command.map { OpenRequest.Kind.command($0) } ?? .shell
    countChannel(1)
    defer { countChannel(-1) }
    return SSHChannel(try await openCore(kind, terminal: terminal), session: self)
  }

  private func openCore(_ kind: OpenRequest.Kind, terminal: TerminalSize? = nil) async throws -> ChannelCore {
    try Task.checkCancellation()
    let waiter = Waiter<ChannelCore>()
    mailbox.post(
      .open(
        OpenRequest(kind: kind, terminal: terminal, waiter: waiter, deadline: Waiting.deadline(limits.connectSeconds))))
    return try await waiter.value { [mailbox] in mailbox.wakeUp.signal() }
  }

  // MARK: Connecting

  /// What a session's thread tells when it is logged in.
  private struct Start: Sendable {
    let hostKey: HostKey
    let banner: String?
  }

  private static func connect(
    _ target: SSHTarget, through jump: SSHSession?, _ knownHosts: KnownHosts, _ limits: SSHLimits
  ) async throws -> SSHSession {
    try Task.checkCancellation()
    var socket: OwnedDescriptor?
    if let jump { socket = try await jump.forward(to: target.endpoint) }
    let mailbox: Mailbox
    do throws(SystemError) {
      mailbox = try Mailbox()
    } catch {
      throw SSHError(.system, "No session can be started: \(error.reason).").about(target.endpoint)
    }
    let waiter = Waiter<Start>()
    startDetached("berth-ssh") { [socket] in
      run(target, over: socket, knownHosts, limits, mailbox, waiter)
    }
    let start = try await waiter.value { mailbox.stop() }
    return SSHSession(start, mailbox, target.endpoint, limits, jump)
  }

  /// The thread of a session.
  private static func run(
    _ target: SSHTarget, over socket: OwnedDescriptor?, _ knownHosts: KnownHosts, _ limits: SSHLimits,
    _ mailbox: Mailbox, _ waiter: Waiter<Start>
  ) {
    let endpoint = target.endpoint
    do throws(SSHError) {
      var socket = socket
      if socket == nil {
        let connector = Connector(
          endpoint: endpoint, deadline: Waiting.deadline(limits.connectSeconds), mailbox: mailbox)
        socket = try connector.connect()
      }
      guard let connected = socket else { return }
      let link = try Link(connected, mailbox: mailbox, endpoint: endpoint)
      let key = try link.exchangeKeys(
        knownTypes: knownHosts.types(host: endpoint.host, port: endpoint.port),
        until: Waiting.deadline(limits.connectSeconds))
      try HostKeyCheck(knownHosts: knownHosts, policy: target.hostKeyPolicy, endpoint: endpoint).check(key)
      try Authentication(link, target.credentials, until: Waiting.deadline(limits.authSeconds)).logIn()
      let thread = SessionThread(link, limits: limits)
      // Where nobody waits any more, the mailbox has been stopped, and the thread ends at once.
      waiter.give(.success(Start(hostKey: key, banner: link.banner)))
      thread.run()
    } catch {
      let error = error.about(endpoint)
      mailbox.end(error)
      waiter.give(.failure(error))
    }
  }

  /// A connection from this session's server onwards.
  private func forward(to endpoint: SSHEndpoint) async throws -> OwnedDescriptor {
    let near: OwnedDescriptor
    let far: OwnedDescriptor
    do throws(SystemError) {
      (near, far) = try UnixSocket.pair()
      try near.makeNonBlocking()
      try far.makeNonBlocking()
    } catch {
      throw SSHError(.system, "No socket can be had: \(error.reason).").about(endpoint)
    }
    for end in [near, far] {
      var size: Int32 = 1 << 20
      end.withDescriptor { _ = setsockopt($0, SOL_SOCKET, SO_SNDBUF, &size, 4) }
    }
    _ = try await openCore(.forward(endpoint, near))
    return far
  }
}
