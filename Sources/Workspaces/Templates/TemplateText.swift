/// Finds `{{name}}` in text and puts values in its place.
struct TemplateText {
  /// A part of the result: of the text itself, or a value.
  private enum Part {
    case text(Range<Int>)
    case value([UInt8])
  }

  private let parts: [Part]
  private let bytes: [UInt8]
  /// The values that were put in.
  let values: [[UInt8]]

  /// How long the result is, in bytes.
  let count: Int

  /// Whether the result is another than the text.
  var isChanged: Bool { !values.isEmpty }

  init(_ bytes: [UInt8], _ variables: TemplateVariables) {
    self.bytes = bytes
    var parts: [Part] = []
    var values: [[UInt8]] = []
    var copied = 0
    var position = 0
    bytes.withUnsafeBufferPointer { bytes in
      while let open = Self.brace(UInt8(ascii: "{"), in: bytes, from: position) {
        var end = open + 2
        while end < bytes.count, Self.isNameByte(bytes[end]) { end += 1 }
        guard end > open + 2, end + 1 < bytes.count, bytes[end] == UInt8(ascii: "}"),
          bytes[end + 1] == UInt8(ascii: "}"), let value = variables[bytes[(open + 2)..<end]]
        else {
          // `{{{name}}` holds `{{name}}` one byte further on.
          position = open + 1
          continue
        }
        parts.append(.text(copied..<open))
        parts.append(.value(value))
        values.append(value)
        position = end + 2
        copied = position
      }
    }
    parts.append(.text(copied..<bytes.count))
    self.parts = parts
    self.values = values
    count = parts.reduce(0) { sum, part in
      switch part {
      case .text(let range): sum + range.count
      case .value(let value): sum + value.count
      }
    }
  }

  /// The result as a whole.
  var result: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    for piece in pieces { result.append(contentsOf: piece) }
    return result
  }

  /// The result in pieces, which take no memory of their own.
  var pieces: some Sequence<ArraySlice<UInt8>> {
    parts.lazy.map { part in
      switch part {
      case .text(let range): bytes[range]
      case .value(let value): value[...]
      }
    }
  }

  /// Where the next two of that byte stand.
  private static func brace(_ byte: UInt8, in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    var index = start
    while index + 1 < bytes.count {
      if bytes[index] == byte && bytes[index + 1] == byte { return index }
      index += 1
    }
    return nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
