/// Takes the data of server-sent events out of a stream that comes in pieces, cut anywhere (WHATWG HTML §9.2).
///
/// Only `data` matters here; comments and other fields are passed over.
struct ServerSentEvents {
  /// An event is longer than any may be.
  struct TooLong: Error {}

  private var line: [UInt8] = []
  private var data: [UInt8]?
  /// A line ended with a carriage return, so that a line feed which follows belongs to it.
  private var endedWithReturn = false
  private var isAtStart = true
  private let maximumBytes: Int

  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// - Parameter maximumBytes: How long an event's data may be, and a line.
  init(maximumBytes: Int = 16 << 20) {
    self.maximumBytes = maximumBytes
  }

  /// Takes the next piece.
  ///
  /// - Returns: The data of the events that have become whole.
  mutating func take(_ piece: UnsafeRawBufferPointer) throws(TooLong) -> [[UInt8]] {
    var events: [[UInt8]] = []
    var start = piece.startIndex
    while start < piece.endIndex {
      if endedWithReturn {
        endedWithReturn = false
        if piece[start] == Self.lineFeed {
          start += 1
          continue
        }
      }
      let end = piece[start...].firstIndex { $0 == Self.lineFeed || $0 == Self.carriageReturn }
      line += piece[start..<(end ?? piece.endIndex)]
      if line.count + (data?.count ?? 0) > maximumBytes + 16 { throw TooLong() }
      guard let end else { break }
      endedWithReturn = piece[end] == Self.carriageReturn
      endLine(&events)
      start = end + 1
    }
    return events
  }

  /// What is left at the stream's end. Some servers leave out the empty line behind the last event.
  mutating func finish() -> [[UInt8]] {
    var events: [[UInt8]] = []
    if !line.isEmpty { endLine(&events) }
    endEvent(&events)
    return events
  }

  private mutating func endLine(_ events: inout [[UInt8]]) {
    defer { line.removeAll(keepingCapacity: true) }
    if isAtStart {
      isAtStart = false
      if line.starts(with: Self.byteOrderMark) { line.removeFirst(Self.byteOrderMark.count) }
    }
    guard !line.isEmpty else { return endEvent(&events) }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    guard line[..<colon].elementsEqual("data".utf8) else { return }
    var value = line[colon...].dropFirst()
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    if data == nil {
      data = Array(value)
    } else {
      data?.append(Self.lineFeed)
      data?.append(contentsOf: value)
    }
  }

  private mutating func endEvent(_ events: inout [[UInt8]]) {
    if let data { events.append(data) }
    data = nil
  }
}
