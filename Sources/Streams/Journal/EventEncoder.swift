import Platform

/// Writes `StreamEvent`s as JSON, one behind the other with commas between.
///
/// Everything before the type has a fixed length, so that it is kept as a template of which only the cursor's and the
/// time's characters change; and so that ``type(of:)`` finds the type of an encoded event without parsing.
struct EventEncoder {
  private(set) var bytes: [UInt8] = []
  /// Where each event ends in `bytes`.
  private(set) var ends: [Int] = []

  private var template: [UInt8]
  /// The second that the template's time shows.
  private var templateSecond = Int64.min

  static let cursorOffset = 11
  static let timeOffset = cursorOffset + StreamPosition.cursorLength + 10
  static let timeLength = 24
  private static let typeOffset = timeOffset + timeLength + 10
  static let beforePayload = Array("\",\"payload\":".utf8)

  init() {
    template = Self.beforeType
  }

  /// The beginning of an event up to its type, with zeros for the cursor and the time.
  static var beforeType: [UInt8] {
    let cursor = String(repeating: "0", count: StreamPosition.cursorLength)
    let time = String(repeating: "0", count: timeLength)
    return Array("{\"cursor\":\"\(cursor)\",\"time\":\"\(time)\",\"type\":\"".utf8)
  }

  /// How many bytes an event takes, without a comma.
  static func size(typeBytes: Int, payloadBytes: Int) -> Int {
    typeOffset + typeBytes + beforePayload.count + payloadBytes + 1
  }

  /// - Parameters:
  ///   - milliseconds: The event's time, since 1970.
  ///   - payload: JSON text of one value.
  mutating func append(
    _ position: StreamPosition, milliseconds: Int64, type: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) {
    if !ends.isEmpty { bytes.append(UInt8(ascii: ",")) }
    fill(position, milliseconds)
    bytes.append(contentsOf: template)
    bytes.append(contentsOf: type)
    bytes.append(contentsOf: Self.beforePayload)
    bytes.append(contentsOf: payload)
    bytes.append(UInt8(ascii: "}"))
    ends.append(bytes.count)
  }

  mutating func append(_ position: StreamPosition, milliseconds: Int64, type: String, payload: [UInt8]) {
    var type = type
    type.withUTF8 { type in
      payload.withUnsafeBytes { payload in
        append(position, milliseconds: milliseconds, type: UnsafeRawBufferPointer(type), payload: payload)
      }
    }
  }

  /// Forgets what was written and keeps the memory.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }

  /// The type of an encoded event.
  static func type(of event: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let rest = UnsafeRawBufferPointer(rebasing: event[typeOffset...])
    return UnsafeRawBufferPointer(rebasing: rest[..<(rest.firstIndex(of: UInt8(ascii: "\"")) ?? rest.count)])
  }

  private mutating func fill(_ position: StreamPosition, _ milliseconds: Int64) {
    var (second, millisecond) = milliseconds.quotientAndRemainder(dividingBy: 1000)
    if millisecond < 0 { (second, millisecond) = (second - 1, millisecond + 1000) }
    if second != templateSecond {
      templateSecond = second
      let text = Timestamp.string(nanosecondsSince1970: second * 1_000_000_000)
      template.replaceSubrange(Self.timeOffset..<Self.timeOffset + Self.timeLength, with: text.utf8)
    }
    template.withUnsafeMutableBufferPointer { template in
      let cursor = Self.cursorOffset..<Self.cursorOffset + StreamPosition.cursorLength
      position.write(to: UnsafeMutableBufferPointer(rebasing: template[cursor]))
      var rest = millisecond
      for index in stride(from: Self.timeOffset + 22, through: Self.timeOffset + 20, by: -1) {
        template[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
    }
  }
}
