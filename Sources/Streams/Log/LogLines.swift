import Glibc
import Platform

/// The lines of one log file from some offset on.
struct LogLines {
  enum Outcome {
    /// There is no further line, or none that is whole yet.
    case end
    /// As much was looked at as is looked at in one go.
    case more
    /// The receiver took no more.
    case refused
  }

  let descriptor: OwnedDescriptor
  /// Whether nothing will be written to the file any more, so that its last line is whole without a line feed.
  let isFinal: Bool

  private static let blockBytes = 256 << 10
  /// A longer line comes in pieces.
  private static let maxLineBytes = 64 << 10

  /// Shows lines to `body`, each with the offset behind it, until it returns false.
  func forEach(
    from start: UInt64, _ body: (_ line: UnsafeRawBufferPointer, _ end: UInt64) -> Bool
  ) throws -> Outcome {
    let size = UInt64(try descriptor.status().size)
    guard size > start else { return .end }
    let wanted = Int(min(size - start, UInt64(Self.blockBytes)))
    var block = [UInt8](repeating: 0, count: wanted)
    let count = try block.withUnsafeMutableBytes { buffer in
      try descriptor.read(into: buffer, at: Int64(start))
    }
    let reachesEnd = start + UInt64(count) >= size
    return block.withUnsafeBytes { block in
      var offset = 0
      while offset < count {
        let rest = UnsafeRawBufferPointer(rebasing: block[offset..<count])
        let length: Int
        let next: Int
        if let lineFeed = rest.firstIndex(of: UInt8(ascii: "\n")), lineFeed <= Self.maxLineBytes {
          (length, next) = (lineFeed, lineFeed + 1)
        } else if rest.count > Self.maxLineBytes {
          length = Self.pieceLength(rest)
          next = length
        } else if reachesEnd && isFinal {
          (length, next) = (rest.count, rest.count)
        } else {
          break
        }
        let end = start + UInt64(offset + next)
        guard body(UnsafeRawBufferPointer(rebasing: rest[..<length]), end) else { return .refused }
        offset += next
      }
      return reachesEnd ? .end : .more
    }
  }

  /// As much of a long line as fits, up to the beginning of a character.
  private static func pieceLength(_ text: UnsafeRawBufferPointer) -> Int {
    var length = maxLineBytes
    while length > maxLineBytes - 4, text[length] & 0xc0 == 0x80 { length -= 1 }
    return length
  }

  /// The offset behind the last line feed before `end`, and behind each one before it, to `body`, until it returns
  /// false.
  func forEachEndBackwards(_ body: (_ end: UInt64) -> Bool) throws {
    var upper = UInt64(try descriptor.status().size)
    var block = [UInt8](repeating: 0, count: Self.maxLineBytes)
    while upper > 0 {
      let lower = upper - min(upper, UInt64(block.count))
      let wanted = Int(upper - lower)
      let count = try block.withUnsafeMutableBytes { buffer in
        try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: Int64(lower))
      }
      for index in stride(from: count - 1, through: 0, by: -1) where block[index] == UInt8(ascii: "\n") {
        guard body(lower + UInt64(index) + 1) else { return }
      }
      upper = lower
    }
  }
}
