/// The headers before a message: lines that end with `\r\n` (a bare `\n` is understood too), and an empty line.
enum HeaderBlock {
  enum Reading: Equatable {
    /// The headers, `size` bytes long with the empty line, announce a body of `length` bytes.
    case whole(size: Int, length: Int)
    case incomplete
    /// They can't be understood, in words that go after "the header block cannot be read, ".
    case faulty(String)
  }

  /// A longer block is refused, in bytes.
  static let maximumBytes = 8192

  static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
    var length: Int?
    var lineStart = 0
    let limit = min(bytes.count, maximumBytes)
    var index = 0
    while index < limit {
      guard bytes[index] == UInt8(ascii: "\n") else {
        index &+= 1
        continue
      }
      let end = index > lineStart && bytes[index - 1] == UInt8(ascii: "\r") ? index - 1 : index
      index &+= 1
      if end == lineStart {
        guard let length else { return .faulty("it has no Content-Length") }
        return .whole(size: index, length: length)
      }
      switch contentLength(bytes[lineStart..<end]) {
      case .other: break
      case .faulty(let reason): return .faulty(reason)
      case .length(let found):
        guard length == nil || length == found else { return .faulty("it names two lengths") }
        length = found
      }
      lineStart = index
    }
    return bytes.count >= maximumBytes ? .faulty("it is longer than 8 KiB") : .incomplete
  }

  private enum Line {
    case length(Int)
    case other
    case faulty(String)
  }

  private static func contentLength(_ line: Slice<UnsafeRawBufferPointer>) -> Line {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return .faulty("a line of it has no colon") }
    guard isContentLength(line[..<colon]) else { return .other }
    var result = 0
    var digits = 0
    var hasEnded = false
    for byte in line[(colon + 1)...] {
      switch byte {
      case 0x20, 0x09:
        hasEnded = digits > 0
      case 0x30...0x39 where !hasEnded:
        let (shifted, overflow) = result.multipliedReportingOverflow(by: 10)
        let (sum, carry) = shifted.addingReportingOverflow(Int(byte &- 0x30))
        guard !overflow, !carry else { return .faulty("its Content-Length is not a length") }
        result = sum
        digits &+= 1
      default:
        return .faulty("its Content-Length is not a length")
      }
    }
    return digits > 0 ? .length(result) : .faulty("its Content-Length is not a length")
  }

  private static let name: StaticString = "content-length"

  /// Header names are compared without regard to case.
  private static func isContentLength(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
    guard text.count == name.utf8CodeUnitCount else { return false }
    for offset in 0..<text.count where text[text.startIndex + offset] | 0x20 != name.utf8Start[offset] | 0x20 {
      return false
    }
    return true
  }
}
