/// The end of what a terminal has shown: as much as is wanted, from the beginning of a character on.
struct TerminalTail {
  let limitBytes: Int
  private(set) var isTruncated = false
  private var bytes: [UInt8] = []

  init(limitBytes: Int) {
    self.limitBytes = limitBytes
  }

  mutating func add(_ line: UnsafeRawBufferPointer) {
    bytes += line
    bytes.append(UInt8(ascii: "\n"))
    // Not at each line, so that a byte is moved seldom.
    if bytes.count > limitBytes * 2 + (64 << 10) { cut() }
  }

  /// The text; bytes that are no UTF-8 are replaced.
  mutating func text() -> String {
    cut()
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func cut() {
    guard bytes.count > limitBytes else { return }
    var start = bytes.count - limitBytes
    while start < bytes.count, bytes[start] & 0xC0 == 0x80 { start += 1 }
    bytes.removeFirst(start)
    isTruncated = true
  }
}
