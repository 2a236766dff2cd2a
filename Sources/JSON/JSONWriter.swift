internal import Platform

/// Writes JSON text, without white space, straight into bytes.
///
/// Commas are put in by the writer: call `key` before each member's value, and one of the value functions for each
/// element.
package struct JSONWriter {
  package private(set) var bytes: [UInt8] = []
  /// Whether a comma must come before the next member or element.
  private var needsComma = false

  package init(reservingCapacity capacity: Int = 0) {
    if capacity > 0 { bytes.reserveCapacity(capacity) }
  }

  /// Forgets what was written and keeps the memory, for the next text.
  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  @inline(__always)
  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  package mutating func null() {
    separate()
    append("null")
  }

  package mutating func bool(_ value: Bool) {
    separate()
    append(value ? "true" : "false")
  }

  package mutating func integer(_ value: Int) {
    separate()
    appendDecimal(value)
  }

  /// - Parameter value: Infinities and NaN, which JSON has no words for, become null.
  package mutating func number(_ value: Double) {
    guard value.isFinite else { return null() }
    separate()
    if value == value.rounded(), abs(value) < 1e15 {
      appendDecimal(Int(value))
    } else {
      bytes.append(contentsOf: value.description.utf8)
    }
  }

  package mutating func string(_ value: String) {
    separate()
    appendQuoted(value)
  }

  /// Writes one value that is JSON text already.
  package mutating func raw(_ json: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  /// Writes the elements of an array that are JSON text already, joined with commas.
  package mutating func rawElements(_ json: some Collection<UInt8>) {
    if !json.isEmpty { raw(json) }
  }

  package mutating func beginObject() {
    separate()
    bytes.append(UInt8(ascii: "{"))
    needsComma = false
  }

  package mutating func endObject() {
    bytes.append(UInt8(ascii: "}"))
    needsComma = true
  }

  package mutating func beginArray() {
    separate()
    bytes.append(UInt8(ascii: "["))
    needsComma = false
  }

  package mutating func endArray() {
    bytes.append(UInt8(ascii: "]"))
    needsComma = true
  }

  /// Writes the name of the member whose value comes next.
  package mutating func key(_ name: String) {
    separate()
    appendQuoted(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Writes the name of the member whose value comes next; a name that needs no escapes.
  package mutating func key(plain name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  // MARK: Bytes

  private mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func appendDecimal(_ value: Int) {
    if value >= 0, value < 10 {
      bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value))
      return
    }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var rest = value.magnitude
      var start = 20
      repeat {
        start -= 1
        digits[start] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        start -= 1
        digits[start] = UInt8(ascii: "-")
      }
      bytes.append(contentsOf: digits[start...])
    }
  }

  private mutating func appendQuoted(_ value: String) {
    var value = value
    bytes.append(UInt8(ascii: "\""))
    value.withUTF8 { appendEscaped(UnsafeRawBufferPointer($0)) }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Copies runs that need no escape as they are, looking at many bytes at a time.
  private mutating func appendEscaped(_ text: UnsafeRawBufferPointer) {
    // Growing by doubling would copy a long text several times.
    if text.count > 1 << 16 { reserve(text.count + text.count / 16) }
    var start = 0
    var index = 0
    while index < text.count {
      if index &+ 32 <= text.count, Self.needsNoEscape32(text, index) {
        index &+= 32
        continue
      }
      if index &+ 8 <= text.count,
        JSONText.needsNoEscape(text.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      {
        index &+= 8
        continue
      }
      let byte = text[index]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<index]))
        appendEscape(byte)
        start = index + 1
      }
      index &+= 1
    }
    bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start...]))
  }

  private mutating func reserve(_ count: Int) {
    bytes.reserveCapacity(bytes.count + count)
    let capacity = bytes.capacity
    bytes.withUnsafeMutableBytes {
      LargeMemory.preferLargePages(UnsafeRawBufferPointer(start: $0.baseAddress, count: capacity))
    }
  }

  @inline(__always)
  private static func needsNoEscape32(_ text: UnsafeRawBufferPointer, _ index: Int) -> Bool {
    let words = text.loadUnaligned(fromByteOffset: index, as: (UInt64, UInt64, UInt64, UInt64).self)
    return JSONText.needsNoEscape(words.0) && JSONText.needsNoEscape(words.1) && JSONText.needsNoEscape(words.2)
      && JSONText.needsNoEscape(words.3)
  }

  private mutating func appendEscape(_ byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
    case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
    case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    default:
      append("u00")
      for nibble in [byte >> 4, byte & 15] { bytes.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble) }
    }
  }
}
