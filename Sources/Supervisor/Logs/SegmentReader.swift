import BerthProtocol
import Streams

/// Turns the lines of segments into `app.output` events, up to a number of bytes.
///
/// Parts of a line that follow each other become one event, up to 64 KiB. Where something else comes between them, or
/// nothing behind them, what there is becomes an event that says that it is `partial`: so an event's place is the end
/// of the last line in it, and a reader can go on behind any event.
struct SegmentReader: ~Copyable {
  /// Behind the last event.
  private(set) var place: StreamPosition
  /// Behind the last line that was looked at: past `place` where an event is open.
  private(set) var scanned: StreamPosition
  private var encoder: LineEncoder
  private var clock = SegmentClock()
  /// The event that waits for the rest of its line.
  private var open: Open?

  private struct Open {
    let isError: Bool
    var bytes: Int
  }

  private static let maxTextBytes = 64 << 10

  init(from place: StreamPosition, limitBytes: Int) {
    self.place = place
    scanned = place
    encoder = LineEncoder(type: EventType.appOutput, limitBytes: limitBytes)
  }

  var count: Int { encoder.count }
  var bytes: [UInt8] { encoder.bytes }

  /// Goes on in another place; nothing may be open.
  mutating func move(to place: StreamPosition) {
    self.place = place
    scanned = place
  }

  /// Sets the time of lines that have none of their own, until one comes that has.
  mutating func setTime(milliseconds: Int64) {
    encoder.setTime(milliseconds: milliseconds)
  }

  /// Takes the next line.
  ///
  /// - Parameter end: The offset behind it.
  /// - Returns: False where there is no room any more.
  mutating func take(_ bytes: UnsafeRawBufferPointer, end: UInt64) -> Bool {
    let line = SegmentLine(bytes)
    let isError = line?.isError ?? false
    // What is no line of a shim is shown as it is, rather than kept back.
    let text = line?.text ?? bytes
    if let before = open {
      if before.isError == isError, before.bytes + text.count <= Self.maxTextBytes {
        open?.bytes += text.count
      } else {
        guard flush() else { return false }
      }
    }
    if open == nil {
      if line != nil, clock.accepts(bytes), let time = bytes.baseAddress { encoder.setTime(text: time) }
      encoder.begin(isError ? "{\"source\":\"stderr\",\"text\":\"" : "{\"source\":\"stdout\",\"text\":\"")
    }
    encoder.append(text)
    scanned.low = end
    if line?.isWhole ?? true {
      open = nil
      return finish("\"}")
    }
    if open == nil { open = Open(isError: isError, bytes: text.count) }
    return true
  }

  /// Ends an event that is open, without its rest. - Returns: False where there is no room for it.
  mutating func flush() -> Bool {
    guard open != nil else { return true }
    open = nil
    return finish("\",\"partial\":true}")
  }

  private mutating func finish(_ closing: StaticString) -> Bool {
    guard encoder.finish(closing, at: scanned) else { return false }
    place = scanned
    return true
  }
}
