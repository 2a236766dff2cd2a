/// The beginning and the end of what may be very long, cut at characters, with how much is missing in between.
struct ByteExcerpt: Sendable {
  private let headBytes: Int
  private let tailBytes: Int
  private var head: [UInt8] = []
  private var tail: [UInt8] = []
  private(set) var count = 0

  init(headBytes: Int, tailBytes: Int) {
    self.headBytes = headBytes
    self.tailBytes = tailBytes
  }

  mutating func add(_ bytes: some Collection<UInt8>) {
    count += bytes.count
    let room = headBytes - head.count
    if room > 0 { head += bytes.prefix(room) }
    let rest = bytes.dropFirst(max(0, room))
    if rest.isEmpty { return }
    tail += rest.suffix(tailBytes)
    // Not at each line: what is in front is moved away once it is as much as what is kept.
    if tail.count > 2 * tailBytes { tail.removeFirst(tail.count - tailBytes) }
  }

  var text: String {
    let end = tail.suffix(tailBytes)
    let missing = count - head.count - end.count
    // Nothing is missing: a character may lie across the two.
    guard missing > 0 else { return String(decoding: head + end, as: UTF8.self) }
    return Self.text(head[...], isCutBehind: true) + "\n[\(missing) bytes are left out]\n"
      + Self.text(end, isCutBefore: true)
  }

  /// Bytes as text, without the half of a character where they were cut.
  static func text(_ bytes: ArraySlice<UInt8>, isCutBefore: Bool = false, isCutBehind: Bool = false) -> String {
    var bytes = bytes
    func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
    if isCutBefore {
      for _ in 0..<3 { if let first = bytes.first, isContinuation(first) { bytes.removeFirst() } }
    }
    if isCutBehind {
      let behind = bytes.suffix(3).reversed().prefix { isContinuation($0) }.count
      if let lead = bytes.dropLast(behind).last, lead >= 0xC0 {
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        if behind + 1 < length { bytes.removeLast(behind + 1) }
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
