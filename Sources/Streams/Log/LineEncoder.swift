import JSON
import Platform

/// Encodes lines of text as `StreamEvent`s of one type, straight from the bytes of a file, up to a number of bytes.
///
/// An event is begun, given its text in one or more pieces, and finished; one that does not fit any more is taken
/// back. Millions of lines go through here in a second: there is no object and no string for each, and one pass over
/// its bytes.
package struct LineEncoder: ~Copyable {
  /// How many events there are.
  package private(set) var count = 0
  private let limitBytes: Int
  /// An event up to its payload.
  private var head: [UInt8]
  /// The time that the head shows, where it was set by a number; in milliseconds since 1970.
  private var milliseconds: Int64?

  private var block = ScratchBlock()
  /// Behind the last finished event.
  private var end = 0
  /// Behind what has been written of the one that was begun.
  private var next = 0
  /// The beginning of a character whose rest comes with the next piece.
  private var cut: [UInt8] = []

  /// - Parameters:
  ///   - type: The type of every event.
  ///   - limitBytes: How much the events may take; the first one may take more.
  package init(type: String, limitBytes: Int) {
    self.limitBytes = limitBytes
    head = EventEncoder.beforeType + Array(type.utf8) + EventEncoder.beforePayload
  }

  private var output: UnsafeMutablePointer<UInt8> {
    @inline(__always) get { block.start }
  }

  /// The finished events, with commas between them.
  package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: output, count: end)) }

  // MARK: Time

  /// Sets the time of the events that are begun from now on, in milliseconds since 1970.
  package mutating func setTime(milliseconds: Int64) {
    guard milliseconds != self.milliseconds else { return }
    self.milliseconds = milliseconds
    let text = Timestamp.string(nanosecondsSince1970: milliseconds * 1_000_000)
    head.replaceSubrange(EventEncoder.timeOffset..<EventEncoder.timeOffset + EventEncoder.timeLength, with: text.utf8)
  }

  /// Sets the time by the text of one with milliseconds or more digits: `2026-11-20T22:30:00.123…Z`.
  ///
  /// - Parameter text: At least 23 bytes, checked by the caller.
  @inline(__always)
  package mutating func setTime(text: UnsafeRawPointer) {
    milliseconds = nil
    head.withUnsafeMutableBytes { head in
      guard let time = head.baseAddress?.advanced(by: EventEncoder.timeOffset) else { return }
      time.copyMemory(from: text, byteCount: EventEncoder.timeLength - 1)
      time.storeBytes(of: UInt8(ascii: "Z"), toByteOffset: EventEncoder.timeLength - 1, as: UInt8.self)
    }
  }

  // MARK: Events

  /// Begins an event. One that was begun and not finished is taken back.
  ///
  /// - Parameter opening: Its payload up to the text.
  package mutating func begin(_ opening: StaticString) {
    next = end
    if !cut.isEmpty { cut = [] }
    reserve(1 + head.count + opening.utf8CodeUnitCount)
    if count > 0 {
      output[next] = UInt8(ascii: ",")
      next += 1
    }
    head.withUnsafeBufferPointer { head in
      guard let start = head.baseAddress else { return }
      (output + next).update(from: start, count: head.count)
      next += head.count
    }
    write(opening)
  }

  /// Adds to the text of the event that was begun.
  package mutating func append(_ text: UnsafeRawBufferPointer) {
    var text = text
    if !cut.isEmpty { text = joinCut(text) }
    reserve(JSONStringBytes.room(for: text.count))
    let (read, written) = JSONStringBytes.write(text, to: output + next, endsHere: false)
    next += written
    if read < text.count { cut.append(contentsOf: text[read...]) }
  }

  /// Ends the event that was begun.
  ///
  /// - Parameters:
  ///   - closing: Its payload behind the text.
  ///   - position: Where it stands.
  /// - Returns: False where it does not fit any more; it is taken back then.
  package mutating func finish(_ closing: StaticString, at position: StreamPosition) -> Bool {
    if !cut.isEmpty { endCut() }
    reserve(closing.utf8CodeUnitCount + 1)
    write(closing)
    output[next] = UInt8(ascii: "}")
    next += 1
    guard count == 0 || next <= limitBytes else {
      next = end
      return false
    }
    let start = output + end + (count > 0 ? 1 : 0) + EventEncoder.cursorOffset
    position.write(to: UnsafeMutableBufferPointer(start: start, count: StreamPosition.cursorLength))
    count += 1
    end = next
    return true
  }

  // MARK: Parts

  @inline(__always)
  private mutating func write(_ text: StaticString) {
    (output + next).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    next += text.utf8CodeUnitCount
  }

  @inline(__always)
  private mutating func reserve(_ bytes: Int) {
    if next + bytes > block.capacity { block.grow(to: next + bytes, used: next) }
  }

  /// Writes the character that two pieces share. Returns the rest of the second one.
  private mutating func joinCut(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let carried = cut.count
    // Enough to end any character.
    cut.append(contentsOf: text.prefix(4))
    reserve(JSONStringBytes.room(for: cut.count))
    let (read, written) = cut.withUnsafeBytes { JSONStringBytes.write($0, to: output + next, endsHere: false) }
    next += written
    // Not whole even so: the piece is all within the character.
    guard read >= carried else { return UnsafeRawBufferPointer(rebasing: text[text.count...]) }
    cut.removeAll(keepingCapacity: true)
    return UnsafeRawBufferPointer(rebasing: text[(read - carried)...])
  }

  /// Writes a character whose rest does not come.
  private mutating func endCut() {
    reserve(JSONStringBytes.room(for: cut.count))
    next += cut.withUnsafeBytes { JSONStringBytes.write($0, to: output + next, endsHere: true).written }
    cut.removeAll(keepingCapacity: true)
  }
}
