/// Finds the places of offsets that come in the order of the text, in one walk over it.
struct PlaceCursor {
  private var offset = 0
  private var place = DocumentPlace.start

  /// The place of the byte at an offset.
  mutating func place(at target: Int, in bytes: UnsafeRawBufferPointer) -> DocumentPlace {
    if target < offset { self = PlaceCursor() }
    while offset < min(target, bytes.count) {
      let byte = bytes[offset]
      offset += 1
      if byte == UInt8(ascii: "\n") {
        place = DocumentPlace(line: place.line + 1, column: 1)
      } else if offset == bytes.count || bytes[offset] & 0xC0 != 0x80 {
        place.column += 1
      }
    }
    return place
  }
}
