import Glibc
package import Platform

/// The lines of one log file from some offset on.
package struct LogLines {
  package enum Outcome: Sendable {
    /// There is no further line, or none that is whole yet.
    case end
    /// As much was looked at as is looked at in one go.
    case more
    /// The receiver took no more.
    case refused
  }

  private let descriptor: OwnedDescriptor
  /// Whether nothing will be written to the file any more, so that its last line is whole without a line feed.
  private let isFinal: Bool

  /// How much is read of a file in one go.
  package static let blockBytes = 256 << 10
  /// A longer line comes in pieces.
  private static let maxLineBytes = 64 << 10
  /// How much of the next line is shown on the way back.
  private static let nextBytes = 64

  package init(descriptor: OwnedDescriptor, isFinal: Bool) {
    self.descriptor = descriptor
    self.isFinal = isFinal
  }

  /// Shows lines to `body`, each with the offset behind it, until it returns false.
  ///
  /// - Parameter wantedBytes: How much is wanted; more than a block is not looked at.
  package func forEach(
    from start: UInt64, wantedBytes: Int = blockBytes, _ body: (_ line: UnsafeRawBufferPointer, _ end: UInt64) -> Bool
  ) throws -> Outcome {
    var limit = min(max(wantedBytes, 16 << 10), Self.blockBytes)
    let memory = ScratchBlock()
    while true {
      let block = UnsafeMutableRawBufferPointer(start: memory.start, count: limit)
      let count =
        try isFinal
        ? descriptor.read(into: block, at: Int64(start)) : descriptor.readOnce(into: block, at: Int64(start))
      let text = UnsafeRawBufferPointer(rebasing: block[..<count])
      let reachesEnd = count < limit
      let (outcome, shown) = Self.forEach(of: text, isLast: reachesEnd && isFinal) { body($0, start + UInt64($1)) }
      guard outcome == .end else { return outcome }
      if reachesEnd { return .end }
      // A whole block always holds a line, or a piece of one.
      if shown > 0 || limit == Self.blockBytes { return .more }
      limit = Self.blockBytes
    }
  }

  /// - Returns: How many bytes of the text were shown.
  private static func forEach(
    of text: UnsafeRawBufferPointer, isLast: Bool, _ body: (_ line: UnsafeRawBufferPointer, _ end: Int) -> Bool
  ) -> (Outcome, shown: Int) {
    guard let base = text.baseAddress else { return (.end, 0) }
    var offset = 0
    while offset < text.count {
      let start = base + offset
      let rest = text.count - offset
      let length: Int
      let next: Int
      if let lineFeed = memchr(start, Int32(UInt8(ascii: "\n")), min(rest, maxLineBytes + 1)) {
        length = UnsafeRawPointer(lineFeed) - start
        next = length + 1
      } else if rest > maxLineBytes {
        length = pieceLength(UnsafeRawBufferPointer(start: start, count: rest))
        next = length
      } else if isLast {
        (length, next) = (rest, rest)
      } else {
        break
      }
      guard body(UnsafeRawBufferPointer(start: start, count: length), offset + next) else { return (.refused, offset) }
      offset += next
    }
    return (.end, offset)
  }

  /// As much of a long line as fits, up to the beginning of a character.
  private static func pieceLength(_ text: UnsafeRawBufferPointer) -> Int {
    var length = maxLineBytes
    while length > maxLineBytes - 4, text[length] & 0xc0 == 0x80 { length -= 1 }
    return length
  }

  /// The offset behind the last line feed, and behind each one before it, to `body`, with the beginning of what stands
  /// there (64 bytes, less at the file's end), until it returns false.
  package func forEachEndBackwards(
    from size: UInt64? = nil, _ body: (_ end: UInt64, _ next: UnsafeRawBufferPointer) -> Bool
  ) throws {
    var upper = try size ?? UInt64(descriptor.status().size)
    let memory = ScratchBlock()
    let block = UnsafeMutableRawBufferPointer(start: memory.start, count: Self.maxLineBytes + Self.nextBytes)
    while upper > 0 {
      let lower = upper - min(upper, UInt64(Self.maxLineBytes))
      let wanted = Int(upper - lower)
      let count = try descriptor.read(
        into: UnsafeMutableRawBufferPointer(rebasing: block[..<(wanted + Self.nextBytes)]), at: Int64(lower))
      for index in stride(from: min(count, wanted) - 1, through: 0, by: -1) where block[index] == UInt8(ascii: "\n") {
        let next = UnsafeRawBufferPointer(rebasing: block[(index + 1)..<min(count, index + 1 + Self.nextBytes)])
        guard body(lower + UInt64(index) + 1, next) else { return }
      }
      upper = lower
    }
  }
}
