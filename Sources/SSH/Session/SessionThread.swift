internal import CSSH2
internal import Glibc
internal import Platform

/// What a session's thread owns: libssh2's session and its channels. Nothing of it leaves the thread.
final class SessionThread {
  let link: Link
  let mailbox: Mailbox
  let limits: SSHLimits
  private var channels: [ThreadChannel] = []
  /// libssh2 opens one channel at a time; the others wait here.
  private var waiting: [OpenRequest] = []
  private var opening: Opening?
  private var lastPing: Int64 = 0
  /// Whether the mailbox is to be looked at.
  private var isSignalled = true
  private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ChannelCore.pieceBytes, alignment: 16)

  private enum Opening {
    case request(OpenRequest)
    /// A channel of a kind that no server has: its refusal is the sign of life that was asked for. (libssh2 would
    /// never take the answers to its own keep-alive requests off its list of packets.)
    case ping
  }

  init(_ link: Link, limits: SSHLimits) {
    self.link = link
    self.limits = limits
    mailbox = link.mailbox
  }

  deinit {
    scratch.deallocate()
  }

  /// Runs until the session ends.
  func run() {
    var end = SSHError(.closed, "The session with \(link.endpoint.place) was closed.")
    do throws(SSHError) {
      while !mailbox.isStopping {
        if isSignalled { for request in mailbox.take() { handle(request) } }
        isSignalled = false
        try proceed()
        link.wire.flush()
        try wait()
      }
    } catch {
      end = error
    }
    end = end.about(link.endpoint)
    mailbox.end(end)
    if case .request(let request) = opening { request.waiter.give(.failure(end)) }
    for request in waiting { request.waiter.give(.failure(end)) }
    for channel in channels { channel.fail(end) }
    channels = []
  }

  // MARK: Requests

  private func handle(_ request: Request) {
    switch request {
    case .open(let open): waiting.append(open)
    case .close(let core): channel(core)?.beginClosing()
    case .write(let core, let write): ask(core, write.waiter) { $0.writes.append(write) }
    case .endInput(let core, let waiter): ask(core, waiter) { $0.inputEnds.append(waiter) }
    case .resize(let core, let size, let waiter): ask(core, waiter) { $0.resizes.append((size, waiter)) }
    }
  }

  private func channel(_ core: ChannelCore) -> ThreadChannel? { channels.first { $0.core === core } }

  private func ask(_ core: ChannelCore, _ waiter: Waiter<Void>, _ body: (ThreadChannel) -> Void) {
    if let channel = channel(core), channel.isUsable {
      body(channel)
    } else {
      waiter.give(.failure(SSHError(.closed, "The channel is closed.").about(link.endpoint)))
    }
  }

  // MARK: Progress

  private func proceed() throws(SSHError) {
    let now = Timestamp.monotonicNanoseconds()
    try open(now)
    for channel in channels { try channel.proceed(now, scratch) }
    channels.removeAll { $0.isGone }
    if let failure = link.wire.failure, !link.wire.hasReceived { throw lost(failure) }
  }

  /// A session that libssh2 or the socket has given up.
  private func lost(_ failure: Int32?) -> SSHError {
    SSHError(.closed, "The connection to \(link.endpoint.place) was lost: \(link.reason).")
  }

  private func open(_ now: Int64) throws(SSHError) {
    while true {
      if opening == nil {
        waiting.removeAll { !$0.waiter.isOpen }
        if !waiting.isEmpty { opening = .request(waiting.removeFirst()) }
      }
      guard let opening else { return }
      let handle: OpaquePointer?
      switch opening {
      case .ping:
        handle = Self.openChannel(link.session, "keepalive@berth", message: [])
      case .request(let request):
        switch request.kind {
        case .command, .shell: handle = Self.openChannel(link.session, "session", message: [])
        case .forward(let endpoint, _):
          var message = FieldWriter()
          message.string(Array(endpoint.host.utf8))
          message.integer(UInt32(endpoint.port))
          message.string(Array("127.0.0.1".utf8))
          message.integer(0)
          handle = Self.openChannel(link.session, "direct-tcpip", message: message.bytes)
        }
      }
      let error = handle == nil ? libssh2_session_last_errno(link.session) : 0
      if error == LIBSSH2_ERROR_EAGAIN {
        if now > nextOpenDeadline {
          throw SSHError(.timeout, "\(link.endpoint.place) did not open a channel in time.")
        }
        return
      }
      self.opening = nil
      switch opening {
      case .ping:
        if let handle { channels.append(ThreadChannel(handle, nil, link, limits)) }
      case .request(let request):
        if let handle {
          channels.append(ThreadChannel(handle, request, link, limits))
        } else if error == LIBSSH2_ERROR_CHANNEL_FAILURE {
          request.waiter.give(.failure(refusal(of: request)))
        }
      }
      if handle == nil, error != LIBSSH2_ERROR_CHANNEL_FAILURE {
        let failure = lost(nil)
        if case .request(let request) = opening { request.waiter.give(.failure(failure.about(link.endpoint))) }
        throw failure
      }
    }
  }

  /// Until when the channel that is being opened, or one that waits behind it, must be open. A sign of life that is
  /// waited for has no such time itself, but may stand before a channel that has one.
  private var nextOpenDeadline: Int64 {
    var deadline = waiting.lazy.map(\.deadline).min() ?? .max
    if case .request(let request) = opening { deadline = min(deadline, request.deadline) }
    return deadline
  }

  /// The window is opened by `ThreadChannel`, which gives more of it as its reader takes output: with none to begin
  /// with, libssh2 never gives any by itself.
  private static func openChannel(_ session: OpaquePointer, _ type: String, message: [UInt8]) -> OpaquePointer? {
    message.withUnsafeBufferPointer { message in
      message.withMemoryRebound(to: CChar.self) { message in
        libssh2_channel_open_ex(
          session, type, UInt32(type.utf8.count), 0, UInt32(LIBSSH2_CHANNEL_PACKET_DEFAULT), message.baseAddress,
          UInt32(message.count))
      }
    }
  }

  private func refusal(of request: OpenRequest) -> SSHError {
    let place = link.endpoint.place
    switch request.kind {
    case .command, .shell:
      return SSHError(.requestRefused, "\(place) refused a channel: \(link.reason). It may allow only a few at once.")
        .about(link.endpoint)
    case .forward(let target, _):
      return SSHError(.unreachable, "\(place) could not connect onwards to \(target.place): \(link.reason).")
        .about(target)
    }
  }

  // MARK: Waiting

  private func wait() throws(SSHError) {
    let now = Timestamp.monotonicNanoseconds()
    var next = Int64.max
    if opening != nil { next = min(next, nextOpenDeadline) }
    for channel in channels { next = min(next, channel.nextDeadline) }
    next = min(next, try keepAlive(now))
    var timeout = next == .max ? -1 : max(0, (next - now) / 1_000_000 + 1)
    if isSignalled || link.wire.hasReceived || opening == nil && !waiting.isEmpty { timeout = 0 }
    if link.wire.isDead, link.wire.failure == nil { throw lost(nil) }

    var requests = [link.wire.request, mailbox.wakeUp.request]
    for channel in channels {
      channel.pollIndex = nil
      guard let request = channel.pump?.request else { continue }
      channel.pollIndex = requests.count
      requests.append(request)
    }
    let result = poll(&requests, nfds_t(requests.count), Int32(min(timeout, 1_000_000_000)))
    guard result >= 0 || errno == EINTR else {
      throw SSHError(.system, "poll failed: \(SystemError("poll").reason).")
    }
    guard result > 0 else { return }
    if requests[1].revents != 0 { isSignalled = true }
    for channel in channels {
      if let index = channel.pollIndex { channel.pump?.isReady = requests[index].revents != 0 }
    }
    if requests[0].revents & Int16(POLLOUT) != 0 { link.wire.flush() }
    if requests[0].revents & ~Int16(POLLOUT) != 0 {
      link.wire.allowReceiving()
      // Without a channel, only the answer to a question makes libssh2 look at what has come.
      if channels.isEmpty, opening == nil, waiting.isEmpty { ping() }
    }
  }

  /// Asks for a sign of life where there was none for a while. - Returns: When to look again.
  private func keepAlive(_ now: Int64) throws(SSHError) -> Int64 {
    guard limits.keepAliveSeconds > 0 else { return .max }
    let interval = Int64(min(limits.keepAliveSeconds, 1e8) * 1e9)
    let lastSeen = link.wire.lastReceived
    let end = lastSeen + interval * Int64(max(1, limits.keepAliveMisses))
    if now >= end, lastPing > lastSeen {
      throw SSHError(
        .timeout, "\(link.endpoint.place) has given no sign of life for \(max(1, (now - lastSeen) / 1_000_000_000)) s.")
    }
    let due = max(lastSeen, lastPing) + interval
    if now >= due {
      if opening == nil { ping() }
      lastPing = now
      return now + interval
    }
    return lastPing > lastSeen ? min(due, max(end, now + 1)) : due
  }

  private func ping() {
    opening = .ping
    lastPing = Timestamp.monotonicNanoseconds()
    isSignalled = true
  }
}
