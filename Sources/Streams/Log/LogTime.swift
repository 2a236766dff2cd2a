import Platform

/// Finds the time that a line of a log carries.
enum LogTime {
  private static let key = Array("\"time\":\"".utf8)
  /// How far into a line the time is looked for.
  private static let prefixBytes = 256

  /// Milliseconds since 1970: the member `time` of a line that is a JSON object, or the first word of any other.
  /// Nil where that is no RFC 3339 time.
  static func milliseconds(of line: UnsafeRawBufferPointer) -> Int64? {
    let head = line.prefix(prefixBytes)
    let text: Slice<UnsafeRawBufferPointer>
    if head.first == UInt8(ascii: "{") {
      guard let start = head.indices.first(where: { head[$0...].starts(with: key) }) else { return nil }
      text = head[(start + key.count)...].prefix { $0 != UInt8(ascii: "\"") }
    } else {
      text = head.prefix { $0 != UInt8(ascii: " ") }
    }
    guard 20...40 ~= text.count else { return nil }
    return Timestamp.nanoseconds(from: String(decoding: text, as: UTF8.self)).map { $0 / 1_000_000 }
  }
}
