package import NIOCore

/// Cuts a connection's bytes into messages.
///
/// Two framings are spoken, told apart by the first byte: `Content-Length` header blocks, as language servers use them,
/// and one message a line for connections that begin with `{` or `[`. The decoder holds what it was fed and not yet
/// taken: at most one message and what one read brought.
package struct FrameDecoder {
  package enum Framing: Sendable, Equatable {
    case contentLength
    case lines
  }

  package enum Frame: Equatable {
    /// The bytes of one message.
    case message(ByteBuffer)
    /// A message passed the limit; it is skipped without being kept.
    case tooLarge
    /// The header is beyond repair: nothing that follows can be understood.
    case broken(String)
  }

  private enum State {
    case header
    case body(length: Int)
    case skippingBody(remaining: Int)
    case line
    case skippingLine
    case broken
  }

  /// What the connection speaks; nil before its first byte.
  package private(set) var framing: Framing?
  private let maximumMessageBytes: Int
  private var state = State.header
  private var buffer = ByteBuffer()
  /// How far the buffer was searched in vain for the end of a line.
  private var searched = 0

  package init(maximumMessageBytes: Int) {
    self.maximumMessageBytes = maximumMessageBytes
  }

  /// Takes what was read from the connection.
  package mutating func feed(_ bytes: ByteBuffer) {
    if buffer.readableBytes == 0 {
      buffer = bytes
    } else {
      if case .body(let length) = state { buffer.reserveCapacity(minimumWritableBytes: length - buffer.readableBytes) }
      buffer.writeImmutableBuffer(bytes)
    }
  }

  /// The next message or fault; nil until more bytes have come.
  package mutating func next() -> Frame? {
    while true {
      switch state {
      case .header:
        if framing == nil, !chooseFraming() { return release() }
        guard framing == .contentLength else { continue }
        switch buffer.withUnsafeReadableBytes(HeaderBlock.read) {
        case .incomplete: return release()
        case .faulty(let reason):
          state = .broken
          return .broken(reason)
        case .whole(let size, let length):
          buffer.moveReaderIndex(forwardBy: size)
          state = length > maximumMessageBytes ? .skippingBody(remaining: length) : .body(length: length)
        }
      case .body(let length):
        guard let body = buffer.readSlice(length: length) else { return release() }
        state = .header
        return .message(body)
      case .skippingBody(let remaining):
        let skipped = min(remaining, buffer.readableBytes)
        buffer.moveReaderIndex(forwardBy: skipped)
        state = .skippingBody(remaining: remaining - skipped)
        guard skipped == remaining else { return release() }
        state = .header
        return .tooLarge
      case .line:
        guard let end = find(UInt8(ascii: "\n")) else {
          guard buffer.readableBytes > maximumMessageBytes else { return release() }
          state = .skippingLine
          continue
        }
        guard let line = buffer.readSlice(length: end) else { return nil }
        buffer.moveReaderIndex(forwardBy: 1)
        if line.readableBytes > maximumMessageBytes { return .tooLarge }
        if line.isBlank { continue }
        return .message(line)
      case .skippingLine:
        guard let end = find(UInt8(ascii: "\n")) else {
          buffer.clear()
          searched = 0
          return nil
        }
        buffer.moveReaderIndex(forwardBy: end + 1)
        state = .line
        return .tooLarge
      case .broken:
        buffer.clear()
        return nil
      }
    }
  }

  /// The last line, where the connection ended without a line feed; nil where nothing is left that could be a message.
  /// To be asked for once `next` has nothing more.
  package mutating func finish() -> Frame? {
    defer { buffer = ByteBuffer() }
    switch state {
    case .line where !buffer.isBlank: return .message(buffer)
    case .skippingLine:
      state = .line
      return .tooLarge
    default: return nil
    }
  }

  // MARK: Parts

  /// Gives the memory of what was taken back. - Returns: Always nil, for `next`.
  private mutating func release() -> Frame? {
    if buffer.readableBytes == 0 {
      buffer = ByteBuffer()
      searched = 0
    } else if buffer.readerIndex > 65536 {
      buffer.discardReadBytes()
    }
    return nil
  }

  /// - Returns: Whether there is a byte to tell it by.
  private mutating func chooseFraming() -> Bool {
    while let byte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) {
      switch byte {
      case 0x20, 0x0A, 0x0D, 0x09:
        buffer.moveReaderIndex(forwardBy: 1)
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        framing = .lines
        state = .line
        return true
      default:
        framing = .contentLength
        return true
      }
    }
    return false
  }

  /// Looks on from where it stopped the last time. - Returns: The distance from the reader index.
  private mutating func find(_ byte: UInt8) -> Int? {
    let view = buffer.readableBytesView
    let from = view.startIndex + min(searched, view.count)
    guard let index = view[from...].firstIndex(of: byte) else {
      searched = view.count
      return nil
    }
    searched = 0
    return index - view.startIndex
  }
}

extension ByteBuffer {
  fileprivate var isBlank: Bool {
    readableBytesView.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }
  }
}
