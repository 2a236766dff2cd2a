import JSON
import BerthProtocol
import JSONRPC
import NIOCore
import NIOPosix
import Platform

/// Makes a session for each channel that comes in, on whatever way.
package struct Channels: Sendable {
  let group: MultiThreadedEventLoopGroup
  let server: Server

  /// How much may wait for a peer that does not read before nothing more is written, and when it goes on, in bytes.
  private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 256 << 10)

  /// Takes connections of a listening socket.
  func listen(on socket: OwnedDescriptor) async throws -> any Channel {
    try await ServerBootstrap(group: group)
      .serverChannelOption(.maxMessagesPerRead, value: 16)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
      .childChannelInitializer { channel in
        Self.credentials(of: channel).flatMapThrowing { credentials in
          guard credentials.isOwner else { return try Self.refuse(channel, credentials) }
          try self.add(channel, transport: .socket)
        }
      }
      .withBoundSocket(try socket.duplicateNumber())
      .get()
  }

  /// Takes over the two ends of another process's standard input and output, or of this one's.
  ///
  /// - Parameters: Pipes or sockets; other kinds of file are for `Pump`.
  func adopt(
    input: OwnedDescriptor, output: OwnedDescriptor, exit: @escaping @Sendable (Int32) -> Void
  ) async throws -> any Channel {
    let isOneSocket = try input.status().identity == output.status().identity && input.isSocket
    let initialize: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
      channel.eventLoop.makeCompletedFuture { try self.add(channel, transport: .standardStreams(exit: exit)) }
    }
    if isOneSocket {
      return try await ClientBootstrap(group: group)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .channelOption(.maxMessagesPerRead, value: 1)
        .channelOption(.writeBufferWaterMark, value: Self.waterMark)
        .channelInitializer(initialize)
        .withConnectedSocket(try input.duplicateNumber())
        .get()
    }
    let (inputNumber, outputNumber) = (try input.duplicateNumber(), try output.duplicateNumber())
    return try await NIOPipeBootstrap(group: group)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.writeBufferWaterMark, value: Self.waterMark)
      .channelInitializer(initialize)
      .takingOwnershipOfDescriptors(input: inputNumber, output: outputNumber)
      .get()
  }

  private func add(_ channel: any Channel, transport: Session.Transport) throws {
    let session = Session(server: server, transport: transport, scope: .admin)
    let connection = Connection(
      eventLoop: channel.eventLoop, configuration: server.connectionConfiguration(for: transport), delegate: session)
    try channel.pipeline.syncOperations.addHandler(connection)
    server.sessionBegan(session, connection)
  }

  // MARK: Credentials

  private static func credentials(of channel: any Channel) -> EventLoopFuture<PeerCredentials> {
    guard let provider = channel as? any SocketOptionProvider else {
      return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    return provider.unsafeGetSocketOption(level: .socket, name: NIOBSDSocket.Option(rawValue: PeerCredentials.option))
      .map { (raw: PeerCredentials.Raw) in PeerCredentials(raw) }
  }

  /// Tells a foreign user why, and closes.
  private static func refuse(_ channel: any Channel, _ credentials: PeerCredentials) throws {
    let error = ProtocolError(
      .scopeDenied, "This server belongs to another user; user \(credentials.userID) may not connect to it.")
    let text = #"{"jsonrpc":"2.0","id":null,"error":\#(error.jsonString)}"#
    channel.writeAndFlush(ByteBuffer(string: "Content-Length: \(text.utf8.count)\r\n\r\n\(text)"))
      .whenComplete { _ in channel.close(promise: nil) }
  }
}
