internal import CSSH2
internal import Glibc
internal import Platform

/// A channel as the session's thread has it.
final class ThreadChannel {
  let core: ChannelCore
  let pump: Pump?
  /// Where the pump's socket is among what is being polled.
  var pollIndex: Int?
  var writes: [WriteRequest] = []
  /// Those who wait for the end of the input to be sent, after all writes.
  var inputEnds: [Waiter<Void>] = []
  var resizes: [(TerminalSize, Waiter<Void>)] = []
  /// Freed: nothing may be done with it any more.
  private(set) var isGone = false

  private enum Phase {
    /// The requests that come before the command runs, in this order.
    case window, terminal, start
    case running
    case closing
  }

  private var phase = Phase.window
  private let handle: OpaquePointer
  private let link: Link
  private let limits: SSHLimits
  private let request: OpenRequest?
  /// How much of the first write has been sent.
  private var written = 0
  /// Whether libssh2 holds a packet of the first write, which must be finished with the same bytes.
  private var isWriteBegun = false
  private var isInputEnded = false
  private var isOutputEnded = false
  private var isMarked = false
  private var hasExit = false

  /// Data is not sent while more than this waits for the socket already.
  private static let outgoingLimit = 1 << 20

  /// - Parameter request: Nil for a channel that is only to be closed again.
  init(_ handle: OpaquePointer, _ request: OpenRequest?, _ link: Link, _ limits: SSHLimits) {
    self.handle = handle
    self.request = request
    self.link = link
    self.limits = limits
    core = ChannelCore(mailbox: link.mailbox)
    if case .forward(_, let socket) = request?.kind { pump = Pump(socket) } else { pump = nil }
    if request == nil { phase = .closing }
    if pump == nil { isMarked = berth_ssh2_mark_exit_status(handle) == 1 }
  }

  var isUsable: Bool {
    if case .closing = phase { return false }
    return true
  }

  var nextDeadline: Int64 {
    switch phase {
    case .window, .terminal, .start: return request?.deadline ?? .max
    case .running:
      guard pump == nil, let silence, let last = core.lastActivity else { return .max }
      return last + silence
    case .closing: return .max
    }
  }

  private var silence: Int64? { limits.silenceSeconds.map { Int64(min($0, 1e8) * 1e9) } }

  /// Does what can be done without waiting.
  ///
  /// - Throws: Where the whole session is lost.
  func proceed(_ now: Int64, _ scratch: UnsafeMutableRawBufferPointer) throws(SSHError) {
    if isGone { return }
    if case .closing = phase { return try close() }
    do throws(SSHError) {
      guard try start(now) else { return }
      try read(scratch)
      guard isUsable else { return try close() }
      // Between the two: it passes on what was read, and has more to write.
      pump?.proceed { self.beginClosing() }
      try write()
      try resize()
      try endInput()
      checkSilence(now)
    } catch {
      if link.wire.isDead || error.code == .protocolFailed { throw error }
      fail(error.about(link.endpoint))
      beginClosing()
    }
    if case .closing = phase { try close() }
  }

  func beginClosing() {
    if case .closing = phase { return }
    phase = .closing
    fail(SSHError(.closed, "The channel was closed.").about(link.endpoint))
  }

  /// Tells all who wait that it is over.
  func fail(_ error: SSHError) {
    request?.waiter.give(.failure(error))
    core.fail(error)
    for write in writes { write.waiter.give(.failure(error)) }
    for waiter in inputEnds + resizes.map(\.1) { waiter.give(.failure(error)) }
    (inputEnds, resizes) = ([], [])
    if isWriteBegun { writes.removeSubrange(1...) } else { writes = [] }
  }

  // MARK: Starting

  /// - Returns: Whether the channel runs.
  private func start(_ now: Int64) throws(SSHError) -> Bool {
    guard let request else { return false }
    if case .running = phase { return true }
    // Who asked has been cancelled.
    guard request.waiter.isOpen else {
      beginClosing()
      return false
    }
    while true {
      switch phase {
      case .window:
        guard
          try call("the window", libssh2_channel_receive_window_adjust2(handle, UInt(ChannelCore.windowBytes), 1, nil))
        else { return try expire(now) }
        phase = request.terminal == nil ? .start : .terminal
      case .terminal:
        let size = request.terminal ?? TerminalSize()
        let name = "xterm-256color"
        let result = libssh2_channel_request_pty_ex(
          handle, name, UInt32(name.utf8.count), nil, 0, Int32(clamping: size.columns), Int32(clamping: size.rows), 0, 0
        )
        guard try call("a terminal", result) else { return try expire(now) }
        phase = .start
      case .start:
        guard try startCommand(request) else { return try expire(now) }
        phase = .running
        if !request.waiter.give(.success(core)) { beginClosing() }
      case .running: return true
      case .closing: return false
      }
    }
  }

  private func startCommand(_ request: OpenRequest) throws(SSHError) -> Bool {
    switch request.kind {
    case .command(let command):
      let text = Array(command.utf8)
      let result = text.withUnsafeBufferPointer { text in
        text.withMemoryRebound(to: CChar.self) { text in
          libssh2_channel_process_startup(handle, "exec", 4, text.baseAddress, UInt32(text.count))
        }
      }
      if result == LIBSSH2_ERROR_INVAL {
        throw SSHError(.requestRefused, "The command is too long (\(text.count) bytes): send it as input to sh -s.")
      }
      return try call("the command", result)
    case .shell: return try call("a shell", libssh2_channel_process_startup(handle, "shell", 5, nil, 0))
    case .forward: return true
    }
  }

  private func expire(_ now: Int64) throws(SSHError) -> Bool {
    guard let request, now > request.deadline else { return false }
    throw SSHError(.timeout, "\(link.endpoint.place) did not start the command in time.")
  }

  /// - Returns: False where the call is to be repeated.
  private func call(_ what: String, _ result: Int32) throws(SSHError) -> Bool {
    switch result {
    case LIBSSH2_ERROR_EAGAIN: return false
    case 0...: return true
    case LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, LIBSSH2_ERROR_CHANNEL_FAILURE:
      throw SSHError(.requestRefused, "\(link.endpoint.place) refused \(what).")
    default: throw lost()
    }
  }

  private func lost() -> SSHError {
    let place = link.endpoint.place
    return link.wire.isDead
      ? SSHError(.closed, "The connection to \(place) was lost: \(link.reason).")
      : SSHError(.protocolFailed, "The session with \(place) failed: \(link.reason).")
  }

  // MARK: Output

  private func read(_ scratch: UnsafeMutableRawBufferPointer) throws(SSHError) {
    // Data that comes after the end was told is a server's fault and dropped with the channel.
    if isOutputEnded { return try finish() }
    for stream: Int32 in [0, SSH_EXTENDED_DATA_STDERR] {
      while true {
        // Never more than the window: libssh2 would widen it by itself.
        let window = Int(libssh2_channel_window_read_ex(handle, nil, nil))
        let size = min(scratch.count, window)
        let count = libssh2_channel_read_ex(
          handle, stream, scratch.baseAddress?.assumingMemoryBound(to: CChar.self), size)
        if count == LIBSSH2_ERROR_EAGAIN || count == 0 { break }
        if count < 0 { throw lost() }
        let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
        if let pump {
          if stream == 0 { pump.take(bytes) }
        } else {
          core.deliver(stream == 0 ? .output : .error, bytes)
        }
        if count < size { break }
      }
    }
    if libssh2_channel_eof(handle) != 0 {
      isOutputEnded = true
      pump?.endOutput()
      core.endOutput()
    } else {
      try widen()
    }
    try finish()
  }

  /// Lets the server send as much as the reader has taken.
  private func widen() throws(SSHError) {
    let window = Int(libssh2_channel_window_read_ex(handle, nil, nil))
    let buffered = pump?.bufferedBytes ?? core.bufferedBytes
    let room = ChannelCore.windowBytes - window - buffered
    guard room >= ChannelCore.windowBytes / 4 else { return }
    _ = try call("more output", libssh2_channel_receive_window_adjust2(handle, UInt(room), 1, nil))
  }

  /// Tells how the command ended, as soon as that is known, and closes the channel when the server has.
  private func finish() throws(SSHError) {
    // This also takes what has come, when there is no output to look for any more.
    let isClosed = isOutputEnded && libssh2_channel_wait_closed(handle) == 0
    guard pump == nil else { return }
    defer { if isClosed { beginClosing() } }
    if hasExit { return }
    var signal: UnsafeMutablePointer<CChar>?
    var length = 0
    libssh2_channel_get_exit_signal(handle, &signal, &length, nil, nil, nil, nil)
    let status = libssh2_channel_get_exit_status(handle)
    var exit: SSHExit?
    if let signal {
      exit = .signal(Printable.text(UnsafeRawBufferPointer(start: signal, count: length)))
      libssh2_free(link.session, signal)
    } else if isMarked, status != berth_ssh2_no_exit_status {
      exit = .status(Int(UInt32(bitPattern: status)))
    } else if isClosed {
      exit = isMarked ? SSHExit.none : .status(Int(UInt32(bitPattern: status)))
    }
    guard let exit else { return }
    hasExit = true
    core.finish(exit)
  }

  private func checkSilence(_ now: Int64) {
    guard pump == nil, let silence, let last = core.lastActivity, now >= last + silence else { return }
    fail(
      SSHError(.timeout, "The command on \(link.endpoint.place) has written nothing for \(silence / 1_000_000_000) s.")
        .about(link.endpoint))
    beginClosing()
  }

  // MARK: Input

  private func write() throws(SSHError) {
    if let pump { try write(from: pump) }
    while let request = writes.first {
      if !request.waiter.isOpen, !isWriteBegun {
        writes.removeFirst()
        written = 0
        continue
      }
      if isInputEnded {
        writes.removeFirst()
        request.waiter.give(.failure(SSHError(.closed, "The input has been ended already.").about(link.endpoint)))
        continue
      }
      while written < request.bytes.count {
        if link.wire.outgoingBytes > Self.outgoingLimit, !isWriteBegun { return }
        let count = request.bytes.withUnsafeBytes { bytes in
          send(UnsafeRawBufferPointer(rebasing: bytes[written...]))
        }
        guard let count = try count.get() else { return }
        written += count
        if !request.waiter.isOpen { break }
      }
      writes.removeFirst()
      written = 0
      request.waiter.give(.success(()))
    }
  }

  private func write(from pump: Pump) throws(SSHError) {
    while !pump.pending.isEmpty {
      if link.wire.outgoingBytes > Self.outgoingLimit, !isWriteBegun { return }
      guard let count = try pump.pending.withUnsafeBytes({ send($0) }).get() else { return }
      pump.pending.removeFirst(count)
    }
    if pump.isInputEnded, inputEnds.isEmpty, !isInputEnded { inputEnds = [Waiter()] }
  }

  /// - Returns: Nil where nothing can be sent now.
  private func send(_ bytes: UnsafeRawBufferPointer) -> Result<Int?, SSHError> {
    let count = libssh2_channel_write_ex(
      handle, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    if count == LIBSSH2_ERROR_EAGAIN {
      // With a window, libssh2 has made a packet already, and a key exchange keeps it from being sent.
      isWriteBegun = isWriteBegun || libssh2_channel_window_write_ex(handle, nil) > 0
      return .success(nil)
    }
    isWriteBegun = false
    if count == 0 { return .success(nil) }
    if count > 0 { return .success(count) }
    return .failure(lost())
  }

  private func endInput() throws(SSHError) {
    guard writes.isEmpty, !inputEnds.isEmpty else { return }
    if !isInputEnded {
      guard try call("the end of input", libssh2_channel_send_eof(handle)) else { return }
      isInputEnded = true
    }
    for waiter in inputEnds { waiter.give(.success(())) }
    inputEnds = []
  }

  private func resize() throws(SSHError) {
    while let (size, waiter) = resizes.first {
      let result = libssh2_channel_request_pty_size_ex(
        handle, Int32(clamping: size.columns), Int32(clamping: size.rows), 0, 0)
      guard try call("the terminal's size", result) else { return }
      resizes.removeFirst()
      waiter.give(.success(()))
    }
  }

  // MARK: Closing

  private func close() throws(SSHError) {
    let result = libssh2_channel_free(handle)
    if result == LIBSSH2_ERROR_EAGAIN { return }
    isGone = true
    for write in writes { write.waiter.give(.failure(SSHError(.closed, "The channel was closed."))) }
    writes = []
  }
}
