import Platform

/// A line of a segment, in the format of the Kubernetes container runtime interface:
/// `2026-11-20T22:30:00.123456789Z stdout F text`.
///
/// The parts before the text have fixed lengths, so that a line is told from garbage with a few comparisons.
struct SegmentLine {
  /// Whether it was written to standard error.
  let isError: Bool
  /// Whether it ends here; otherwise the text goes on with the next line of its source.
  let isWhole: Bool
  let text: UnsafeRawBufferPointer

  static let textOffset = 40
  private static let sourceOffset = 30
  private static let tagOffset = 38
  private static let output = word(" stdout ")
  private static let error = word(" stderr ")

  /// Nil where it is no such line.
  @inline(__always)
  init?(_ line: UnsafeRawBufferPointer) {
    // A line without text may lack the space behind the tag.
    guard line.count >= Self.tagOffset + 1 else { return nil }
    switch line.loadUnaligned(fromByteOffset: Self.sourceOffset, as: UInt64.self) {
    case Self.output: isError = false
    case Self.error: isError = true
    default: return nil
    }
    switch line[Self.tagOffset] {
    case UInt8(ascii: "F"): isWhole = true
    case UInt8(ascii: "P"): isWhole = false
    default: return nil
    }
    text = UnsafeRawBufferPointer(rebasing: line[min(Self.textOffset, line.count)...])
  }

  /// The time at the beginning of a line, in nanoseconds since 1970; nil where there is none.
  static func time(of line: UnsafeRawBufferPointer) -> Int64? {
    guard line.count > sourceOffset, line[sourceOffset] == UInt8(ascii: " ") else { return nil }
    return Timestamp.nanoseconds(from: String(decoding: line[..<sourceOffset], as: UTF8.self))
  }

  private static func word(_ text: StaticString) -> UInt64 {
    UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self)
  }
}

/// Checks the times of lines that come one after the other: of a second that was right once, only the digits behind
/// it are looked at.
struct SegmentClock {
  /// The first 16 bytes of the last right time, and its bytes 11 to 18: what stands before the second's fraction.
  private var date: (UInt64, UInt64) = (0, 0)
  private var second: UInt64 = 0

  /// Whether the line begins with a time whose first 23 characters can be copied.
  @inline(__always)
  mutating func accepts(_ line: UnsafeRawBufferPointer) -> Bool {
    let first = line.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
    let middle = line.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    let last = line.loadUnaligned(fromByteOffset: 11, as: UInt64.self)
    if (first, middle) == date, last == second {
      return line[19] == UInt8(ascii: ".") && 48...57 ~= line[20] && 48...57 ~= line[21] && 48...57 ~= line[22]
    }
    guard line[19] == UInt8(ascii: "."), line[10] == UInt8(ascii: "T"), line[29] == UInt8(ascii: "Z"),
      SegmentLine.time(of: line) != nil
    else { return false }
    (date, second) = ((first, middle), last)
    return true
  }
}
