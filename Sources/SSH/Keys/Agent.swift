internal import Glibc
internal import Platform

/// A key agent: the two requests of the agent protocol (draft-miller-ssh-agent) that logging in takes.
final class Agent {
  struct Identity {
    let blob: [UInt8]
    let comment: String

    var type: String { HostKey(blob: blob)?.type ?? "unknown" }
  }

  private enum Message {
    static let failure: UInt8 = 5
    static let requestIdentities: UInt8 = 11
    static let identities: UInt8 = 12
    static let signRequest: UInt8 = 13
    static let signResponse: UInt8 = 14
  }

  private static let longestAnswer = 256 << 10

  private let socket: OwnedDescriptor
  private let mailbox: Mailbox
  private let deadline: Int64

  /// - Parameters:
  ///   - path: Its socket; nil for that of `SSH_AUTH_SOCK`.
  ///   - mailbox: Of the session that asks, so that closing it ends the waiting.
  init(_ path: String?, mailbox: Mailbox, deadline: Int64) throws(SSHError) {
    guard let path = path ?? getenv("SSH_AUTH_SOCK").map({ String(cString: $0) }), !path.isEmpty else {
      throw SSHError(
        .agentUnavailable, "There is no key agent: SSH_AUTH_SOCK is not set. Start ssh-agent, or name a key file.")
    }
    do {
      socket = try UnixSocket.connect(HomePath.expand(path))
      try socket.makeNonBlocking()
    } catch {
      throw SSHError(.agentUnavailable, "The key agent at \(path) can't be reached: \(error.reason).")
    }
    self.mailbox = mailbox
    self.deadline = deadline
  }

  /// The keys that it holds.
  func identities() throws(SSHError) -> [Identity] {
    var answer = FieldReader(try ask([Message.requestIdentities]))
    guard answer.byte() == Message.identities, let count = answer.integer(), count <= 1000 else {
      throw SSHError(.agentUnavailable, "The key agent does not list its keys. It may be locked.")
    }
    var identities: [Identity] = []
    for _ in 0..<count {
      guard let blob = answer.string(), let comment = answer.string() else { break }
      identities.append(Identity(blob: blob, comment: Printable.text(comment.prefix(200))))
    }
    return identities
  }

  /// A signature in the form of the key's algorithm, without the algorithm's name.
  func sign(_ data: [UInt8], with key: [UInt8]) throws(SSHError) -> [UInt8] {
    var request = FieldWriter()
    request.byte(Message.signRequest)
    request.string(key)
    request.string(data)
    request.integer(0)
    var answer = FieldReader(try ask(request.bytes))
    guard answer.byte() == Message.signResponse, let signature = answer.string() else {
      throw SSHError(.agentUnavailable, "The key agent did not sign. It may have been told not to.")
    }
    var fields = FieldReader(signature)
    guard fields.text() == HostKey(blob: key)?.type, let bytes = fields.string() else {
      throw SSHError(.agentUnavailable, "The key agent signed in a way that was not asked for.")
    }
    return bytes
  }

  private func ask(_ message: [UInt8]) throws(SSHError) -> [UInt8] {
    var request = FieldWriter()
    request.string(message)
    var sent = 0
    while sent < request.bytes.count {
      let count = request.bytes.withUnsafeBytes { bytes in
        socket.withDescriptor {
          send($0, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
      }
      if count >= 0 {
        sent += count
      } else {
        try wait(POLLOUT)
      }
    }
    let length = try receive(4).reduce(0) { $0 << 8 | Int($1) }
    guard 1...Self.longestAnswer ~= length else {
      throw SSHError(.agentUnavailable, "The key agent does not speak the agent protocol.")
    }
    return try receive(length)
  }

  private func receive(_ count: Int) throws(SSHError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let received = bytes.withUnsafeMutableBytes { bytes in
        socket.withDescriptor { recv($0, bytes.baseAddress?.advanced(by: filled), count - filled, 0) }
      }
      if received == 0 { throw SSHError(.agentUnavailable, "The key agent hung up.") }
      if received > 0 {
        filled += received
      } else {
        try wait(POLLIN)
      }
    }
    return bytes
  }

  /// Waits after a call that failed; returns where that one would only have blocked.
  private func wait(_ event: Int32) throws(SSHError) {
    guard errno == EAGAIN || errno == EINTR else {
      throw SSHError(.agentUnavailable, "The key agent was lost: \(SystemError("recv").reason).")
    }
    let request = socket.withDescriptor { pollfd(fd: $0, events: Int16(event), revents: 0) }
    guard try Waiting.poll([request], mailbox, until: deadline) else {
      throw SSHError(.agentUnavailable, "The key agent did not answer in time.")
    }
  }
}
