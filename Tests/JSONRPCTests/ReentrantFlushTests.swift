import JSON
import NIOCore
import NIOEmbedded
import Platform
import Testing

@testable import JSONRPC

/// What a write brings about before it returns: the channel becomes writable, or more is read.
@Suite struct ReentrantFlushTests {
  /// Answers each request at once.
  private final class Echo: ConnectionDelegate {
    func route(_ method: String, isNotification: Bool) -> Route {
      .inline { _ in JSONValue.string(method) }
    }

    func rpcError(_ error: any Error) -> RPCError { .invalidRequest("\(error)") }
    func answered(_ method: String, nanoseconds: UInt64, connection: Connection) {}
    func closed(_ connection: Connection) {}
  }

  /// Stands where the socket does. What is flushed has gone at once, and something follows from it.
  private final class Wire: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    /// What the flushes to come bring about, one after the other.
    var consequences: [(ChannelHandlerContext) -> Void] = []

    func flush(context: ChannelHandlerContext) {
      context.flush()
      guard !consequences.isEmpty else { return }
      consequences.removeFirst()(context)
    }
  }

  private let channel = EmbeddedChannel()
  private let wire = Wire()
  private let connection: Connection

  init() throws {
    connection = Connection(
      eventLoop: channel.eventLoop,
      configuration: ConnectionConfiguration(pool: WorkerPool(name: "test", usualThreads: 1, maximumThreads: 1)),
      delegate: Echo())
    try channel.pipeline.syncOperations.addHandlers(wire, connection)
  }

  private static func lines(_ numbers: some Sequence<Int>) -> ByteBuffer {
    ByteBuffer(string: numbers.map { #"{"jsonrpc":"2.0","id":\#($0),"method":"m"}"# + "\n" }.joined())
  }

  /// The ids of what has been sent, in order.
  private func answers() throws -> [Int] {
    var text = ""
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
    return try text.split(separator: "\n").map { try JSONParser.parse(String($0))["id"]?.intValue ?? -1 }
  }

  @Test func `a flush that makes the channel writable sends nothing twice`() throws {
    wire.consequences = Array(repeating: { $0.fireChannelWritabilityChanged() }, count: 5)
    try channel.writeInbound(Self.lines(1...3))
    #expect(try answers() == [1, 2, 3])
    try channel.writeInbound(Self.lines(4...4))
    #expect(try answers() == [4])
  }

  @Test func `what is answered within a flush follows what is being flushed`() throws {
    wire.consequences = (0..<5).map { turn in
      { context in
        context.fireChannelRead(NIOAny(Self.lines((turn * 2 + 3)...(turn * 2 + 4))))
        context.fireChannelReadComplete()
      }
    }
    try channel.writeInbound(Self.lines(1...2))
    #expect(try answers() == Array(1...12))
  }

  @Test func `what waited for room is carried out once, in order, when a flush makes some`() throws {
    channel.isWritable = false
    try channel.writeInbound(Self.lines(1...10))
    #expect(try answers() == [])
    wire.consequences = Array(repeating: { $0.fireChannelWritabilityChanged() }, count: 5)
    channel.isWritable = true
    channel.pipeline.fireChannelWritabilityChanged()
    try channel.writeInbound(Self.lines(11...12))
    #expect(try answers() == Array(1...12))
  }
}
