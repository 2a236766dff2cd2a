import DequeModule
import JSON
package import NIOCore
import Platform

/// One JSON-RPC connection, as the last handler of its channel.
///
/// It reads frames and envelopes, carries requests out in their lanes and answers them. What it holds is bounded: when
/// too much is open or the peer does not read, it looks only for cancellations in what has already arrived, and then
/// stops reading.
///
/// Unchecked: every variable is confined to the channel's event loop; other threads go through the outbox.
package final class Connection: ChannelDuplexHandler, @unchecked Sendable {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  package let configuration: ConnectionConfiguration
  let delegate: any ConnectionDelegate
  package let eventLoop: any EventLoop
  let outbox = Outbox()
  /// Where large answers are made.
  let largeAnswers = Gate(width: 2)

  var context: ChannelHandlerContext?
  var open = OpenRequests()
  private var decoder: FrameDecoder
  private var members: MemberRanges = []
  /// What arrived while too much was open; in order.
  var waiting: Deque<Message> = []
  private var waitingBytes = 0
  /// Answers of this turn of the loop, on their way to one write.
  private var outgoing = ByteBuffer()
  private var isReadPending = false
  /// The peer sends nothing more. What it has sent may still stand in the decoder: the end is told even while nothing is
  /// read.
  private var streamHasEnded = false
  /// No more input is taken: it has ended, or the connection is being closed.
  private(set) var inputHasEnded = false
  private var cancelsWhatBegins = false
  /// Everything has been answered, and only the sending is to be finished.
  private var isClosing = false
  /// How many finite sendings must be finished before a connection whose input has ended may close.
  private var holds = 0
  private var isReading = false
  /// What the peer was asked, and who waits for the answer.
  var asked: [RequestID: @Sendable (Result<JSONValue, RPCError>) -> Void] = [:]

  private static let maximumWaiting = 256
  private static let maximumWaitingBytes = 1 << 20

  package init(
    eventLoop: any EventLoop, configuration: ConnectionConfiguration, delegate: any ConnectionDelegate
  ) {
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.delegate = delegate
    decoder = FrameDecoder(maximumMessageBytes: configuration.maximumMessageBytes)
  }

  /// How many requests are open.
  package var inFlight: Int { open.count }

  // MARK: Channel

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  package func channelInactive(context: ChannelHandlerContext) {
    inputHasEnded = true
    open.cancelAll()
    waiting.removeAll()
    asked.removeAll()
    outbox.close()
    delegate.closed(self)
    context.fireChannelInactive()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A peer that has gone in the middle; there is nobody left to tell.
    context.close(promise: nil)
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !inputHasEnded else { return }
    decoder.feed(unwrapInboundIn(data))
    takeFrames()
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    flushOutgoing()
    context.fireChannelReadComplete()
  }

  package func read(context: ChannelHandlerContext) {
    if isFull || inputHasEnded {
      isReadPending = true
    } else {
      context.read()
    }
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    outbox.setWritable(context.channel.isWritable)
    if context.channel.isWritable { goOn() }
    context.fireChannelWritabilityChanged()
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent {
      streamHasEnded = true
      endInput(cancelling: configuration.cancelsAtEndOfInput)
    }
    context.fireUserInboundEventTriggered(event)
  }

  // MARK: Taking messages

  private var isBlocked: Bool {
    open.count >= configuration.maximumInFlight || open.bytes >= configuration.maximumMessageBytes
      || context?.channel.isWritable == false
  }

  private var isFull: Bool {
    waiting.count >= Self.maximumWaiting || waitingBytes >= Self.maximumWaitingBytes
  }

  /// Takes messages until there are no more, or too many wait.
  private func takeFrames() {
    // An answer written inline may make the channel writable and so lead back to here.
    guard !isReading else { return }
    isReading = true
    defer { isReading = false }
    while !isFull, let frame = decoder.next() ?? (streamHasEnded ? decoder.finish() : nil) {
      switch frame {
      case .message(let text): take(text)
      case .tooLarge: answer(.null, .failure(configuration.messageTooLarge))
      case .broken(let reason):
        answer(.null, .failure(.parseError("the header block cannot be read, \(reason)")))
        close()
        return
      }
    }
  }

  private func take(_ text: ByteBuffer) {
    let message: Message
    do throws(JSONSyntaxError) {
      message = try Message(text, maximumBatch: configuration.maximumBatch, members: &members)
    } catch {
      return answer(.null, .failure(.parseError(error.description)))
    }
    if let id = message.cancelledID {
      cancel(id)
    } else if isBlocked || !waiting.isEmpty {
      waiting.append(message)
      waitingBytes += text.readableBytes
    } else {
      carryOut(message)
    }
  }

  /// Carries out what waits, as far as there is room, and reads on.
  private func goOn() {
    while !isBlocked, let message = waiting.popFirst() {
      waitingBytes -= message.text.readableBytes
      carryOut(message)
    }
    if waiting.isEmpty || !isFull { takeFrames() }
    flushOutgoing()
    if isReadPending, !isFull, !inputHasEnded {
      isReadPending = false
      context?.read()
    }
    closeIfDrained()
  }

  /// Cancels a request, wherever it stands. It is answered exactly once: here, where it has not begun.
  private func cancel(_ id: RequestID) {
    if let index = waiting.firstIndex(where: { !$0.isBatch && $0.entries[0].envelope.kind == .request(id: id) }) {
      waitingBytes -= waiting.remove(at: index).text.readableBytes
      answer(id, .failure(.cancelled))
    } else if let serial = open.cancel(id) {
      finish(serial, encodedAnswer(id, .failure(.cancelled)))
    }
  }

  // MARK: Sending

  /// Answers on the event loop, with what this turn of the loop answers besides.
  func answer(_ id: RequestID, _ result: Result<Answer, RPCError>) {
    write(encodedAnswer(id, result))
  }

  /// Frames one message into this turn's buffer.
  func write(_ message: [UInt8]) {
    if outgoing.capacity == 0, let context { outgoing = context.channel.allocator.buffer(capacity: 1024) }
    if message.count > 1 << 20 {
      outgoing.reserveCapacity(minimumWritableBytes: message.count + 64)
      outgoing.withUnsafeMutableWritableBytes { LargeMemory.preferLargePages(UnsafeRawBufferPointer($0)) }
    }
    if decoder.framing == .lines {
      outgoing.writeBytes(message)
      outgoing.writeInteger(UInt8(ascii: "\n"))
    } else {
      outgoing.writeStaticString("Content-Length: ")
      outgoing.writeString(String(message.count))
      outgoing.writeStaticString("\r\n\r\n")
      outgoing.writeBytes(message)
    }
  }

  func flushOutgoing() {
    guard outgoing.readableBytes > 0, let context else { return }
    // Writing may make the channel writable and so lead back to here.
    let ready = outgoing
    outgoing = ByteBuffer()
    context.writeAndFlush(wrapOutboundOut(ready), promise: nil)
  }

  /// Waits until the peer has read enough for more notifications to be sent.
  package func roomToSend() async throws {
    try await outbox.room()
  }

  /// Whether `roomToSend` would return at once.
  package var hasRoomToSend: Bool { outbox.hasRoom }

  /// Sends a notification. Await `roomToSend` first.
  package func send(notification text: [UInt8]) {
    put(.notification(text))
  }

  func put(_ item: Outbox.Item) {
    if outbox.put(item) { eventLoop.execute { self.emptyOutbox() } }
  }

  private func emptyOutbox() {
    for item in outbox.takeAll() {
      switch item {
      case .answer(let serial, let text): finish(serial, text)
      case .notification(let text): write(text)
      case .released: holds -= 1
      }
    }
    flushOutgoing()
    if let context { outbox.setWritable(context.channel.isWritable) }
    goOn()
  }

  // MARK: Ending

  /// Keeps a connection whose input has ended open until `release`: what is being sent has an end of its own. To be
  /// called before the request is answered that began the sending.
  package func hold() {
    eventLoop.execute { self.holds += 1 }
  }

  package func release() {
    put(.released)
  }

  /// Takes no further message, answers what has arrived and then closes.
  ///
  /// - Parameter cancelling: Whether what is open is cancelled, so that only what takes a moment is still done.
  package func endInput(cancelling: Bool) {
    guard !inputHasEnded else { return }
    takeFrames()
    inputHasEnded = true
    cancelsWhatBegins = cancelling
    if cancelling { open.cancelAll() }
    flushOutgoing()
    closeIfDrained()
  }

  /// Whether work that begins now is to be cancelled at once.
  var cancelsNewWork: Bool { cancelsWhatBegins }

  /// Closes once everything has been answered and the peer has taken the answers, however long that takes it.
  private func closeIfDrained() {
    guard inputHasEnded, open.isEmpty, waiting.isEmpty, holds <= 0, !isClosing, let context else { return }
    isClosing = true
    flushOutgoing()
    // Closing drops what the kernel has not taken yet. An empty write is done once all before it are.
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in self.close() }
  }

  /// Closes the channel at once. What is ready is sent as far as the peer takes it without waiting.
  package func close() {
    inputHasEnded = true
    flushOutgoing()
    context?.close(promise: nil)
  }
}
