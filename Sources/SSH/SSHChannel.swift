/// A command or a shell on a server, with its input and output.
///
/// One task may read while another writes. A call that waits throws `CancellationError` promptly where its task is
/// cancelled; the channel stays as it is then. It is closed when nobody holds it any more.
package final class SSHChannel: Sendable {
  private let core: ChannelCore
  private let session: SSHSession

  init(_ core: ChannelCore, session: SSHSession) {
    self.core = core
    self.session = session
    session.countChannel(1)
  }

  deinit {
    close()
    session.countChannel(-1)
  }

  /// The next piece of output, up to 256 KiB; nil when there is none any more.
  ///
  /// What is not read is kept, up to 4 MiB; then the server has to wait. One task at a time may read.
  package func read() async throws -> SSHOutput? {
    try await core.next()
  }

  /// Sends input, and returns when all of it is on its way.
  package func write(_ bytes: [UInt8]) async throws {
    try Task.checkCancellation()
    if bytes.isEmpty { return }
    let request = WriteRequest(bytes)
    core.mailbox.post(.write(core, request))
    try await request.waiter.value { [core] in core.mailbox.wakeUp.signal() }
  }

  /// Ends the input: the command reads an end of file. One that has ended reads nothing any more, and that is no fault.
  package func endInput() async throws {
    try Task.checkCancellation()
    let waiter = Waiter<Void>()
    core.mailbox.post(.endInput(core, waiter))
    do {
      try await waiter.value()
    } catch let error as SSHError where error.code == .closed {}
  }

  /// Tells the command that its terminal has another size.
  package func resize(_ size: TerminalSize) async throws {
    try Task.checkCancellation()
    let waiter = Waiter<Void>()
    core.mailbox.post(.resize(core, size, waiter))
    try await waiter.value()
  }

  /// How the command ended. Its output may still be read afterwards, and may come from processes that it left behind.
  package func exit() async throws -> SSHExit {
    try await core.exit()
  }

  /// Ends the channel; the server hangs up its command. It may be called again.
  package func close() {
    core.mailbox.post(.close(core))
  }
}
