internal import Platform
internal import Synchronization

/// A channel that is to be opened.
struct OpenRequest: Sendable {
  enum Kind: Sendable {
    case command(String)
    /// The user's login shell.
    case shell
    /// A connection from the server onwards, whose bytes go through a socket.
    case forward(SSHEndpoint, OwnedDescriptor)
  }

  let kind: Kind
  let terminal: TerminalSize?
  let waiter: Waiter<ChannelCore>
  let deadline: Int64
}

/// Bytes that are to be sent on a channel.
final class WriteRequest: Sendable {
  let bytes: [UInt8]
  let waiter = Waiter<Void>()

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }
}
