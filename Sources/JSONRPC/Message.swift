import JSON
import NIOCore

/// A message whose syntax has been checked, ready to be carried out.
struct Message {
  struct Entry {
    var envelope: Envelope
    /// The members of its `params`.
    var members: MemberRanges
  }

  /// The text that the entries' ranges point into.
  var text: ByteBuffer
  var entries: [Entry]
  var isBatch: Bool

  /// - Parameter members: Memory to work in.
  init(_ text: ByteBuffer, maximumBatch: Int, members: inout MemberRanges) throws(JSONSyntaxError) {
    self.text = text
    (entries, isBatch) = try text.withUnsafeReadableBytesTyped { (bytes) throws(JSONSyntaxError) in
      var scanner = JSONScanner(bytes)
      scanner.skipWhitespace()
      let isBatch = scanner.current == UInt8(ascii: "[")
      var entries: [Entry] = []
      if isBatch {
        var more = try scanner.enterArray(depth: 0)
        while more {
          let envelope = try Envelope.scan(&scanner, members: &members, depth: 1)
          entries.append(Entry(envelope: envelope, members: members))
          more = try scanner.nextElement()
        }
      } else {
        let envelope = try Envelope.scan(&scanner, members: &members)
        entries.append(Entry(envelope: envelope, members: members))
      }
      scanner.skipWhitespace()
      guard scanner.isAtEnd else { throw scanner.fault("more text after the end of the message") }
      return (entries, isBatch)
    }
  }

  /// The text of a part, as a slice that shares the message's memory.
  func slice(_ range: Range<Int>) -> ByteBuffer? {
    text.getSlice(at: text.readerIndex + range.lowerBound, length: range.count)
  }

  func bytes(_ range: Range<Int>) -> [UInt8]? {
    text.getBytes(at: text.readerIndex + range.lowerBound, length: range.count)
  }

  /// The JSON text of a member of an entry's `params`.
  func member(_ name: String, of entry: Entry) -> [UInt8]? {
    let name = Array(name.utf8)
    return entry.members.last { bytes($0.key) == name }.flatMap { bytes($0.value) }
  }

  /// The id that the message, a `$/cancelRequest`, is about; nil for every other message.
  var cancelledID: RequestID? {
    guard entries.count == 1, !isBatch, entries[0].envelope.isCancellation else { return nil }
    return member("id", of: entries[0]).map(RequestID.init)
  }
}

extension Envelope {
  var isCancellation: Bool { kind == .notification && method == "$/cancelRequest" }
}
