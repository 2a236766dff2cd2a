/// Text as source files have it.
enum SampleText {
  /// Numbered lines, of exactly that many bytes.
  static func make(bytes count: Int) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(count + 80)
    var line = 1
    while text.count < count {
      text += "  let value\(line) = table[\"key \(line)\"] ?? fallback // a line as any other\n".utf8
      line += 1
    }
    text.removeLast(text.count - count)
    return String(decoding: text, as: UTF8.self)
  }
}
