internal import Platform

/// Writes numbers and byte strings one behind the other.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  /// A number in as few bytes as it takes, seven bits each (LEB128).
  mutating func number(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A number that may be negative; those near 0 take few bytes.
  mutating func signed(_ value: Int64) {
    number(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  mutating func string(_ value: some Collection<UInt8>) {
    number(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// Bytes whose number the reader knows.
  mutating func raw(_ value: some Collection<UInt8>) {
    bytes.append(contentsOf: value)
  }
}

/// Reads what `ByteWriter` has written.
struct ByteReader {
  /// The bytes end too soon, or are not what was written.
  struct Damaged: Error {}

  private let bytes: [UInt8]
  private var position: Int

  init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  var isAtEnd: Bool { position >= bytes.count }

  mutating func number() throws(Damaged) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard position < bytes.count, shift < 64 else { throw Damaged() }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  mutating func signed() throws(Damaged) -> Int64 {
    let value = try number()
    return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
  }

  mutating func string() throws(Damaged) -> ArraySlice<UInt8> {
    let count = try number()
    guard count <= UInt64(bytes.count) else { throw Damaged() }
    return try raw(Int(count))
  }

  mutating func raw(_ count: Int) throws(Damaged) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else { throw Damaged() }
    defer { position += count }
    return bytes[position..<position + count]
  }

  mutating func path() throws(Damaged) -> RelativePath {
    do {
      return try RelativePath(bytes: Array(try string()))
    } catch {
      throw Damaged()
    }
  }
}
