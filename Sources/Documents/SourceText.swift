/// The text of a document, for showing places in it.
package struct SourceText: Sendable {
  /// The text as it was read.
  package let bytes: [UInt8]
  /// Where each line begins.
  private let starts: [Int]

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    starts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
  }

  /// The line of that number, from 1, without its end. Empty where there is none.
  package func line(_ number: Int) -> String {
    guard number >= 1, number <= starts.count else { return "" }
    var line = bytes[starts[number - 1]..<(number < starts.count ? starts[number] - 1 : bytes.count)]
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return String(decoding: line, as: UTF8.self)
  }

  /// A search that begins at a place.
  package func search(from place: DocumentPlace) -> Search {
    guard place.line >= 1, place.line <= starts.count else { return Search(bytes: bytes, offset: bytes.count, place) }
    var search = Search(bytes: bytes, offset: starts[place.line - 1], DocumentPlace(line: place.line, column: 1))
    while search.place < place, search.offset < bytes.count { search.advance() }
    return search
  }

  /// Finds texts that stand one behind the other.
  package struct Search {
    /// What is further away is not looked for: what is searched is written otherwise in the source, with escapes.
    private static let reach = 65_536

    private let bytes: [UInt8]
    fileprivate private(set) var offset: Int
    fileprivate private(set) var place: DocumentPlace

    fileprivate init(bytes: [UInt8], offset: Int, _ place: DocumentPlace) {
      self.bytes = bytes
      self.offset = offset
      self.place = place
    }

    /// Where the text next stands; the next search begins behind it. Once one is not found, no other is.
    package mutating func next(_ text: String) -> DocumentPlace? {
      let wanted = Array(text.utf8)
      let end = min(bytes.count, offset + Self.reach)
      while offset + wanted.count <= end {
        if bytes[offset..<(offset + wanted.count)].elementsEqual(wanted) {
          defer { for _ in text.unicodeScalars { advance() } }
          return place
        }
        advance()
      }
      offset = bytes.count
      return nil
    }

    /// Goes on by one scalar.
    fileprivate mutating func advance() {
      guard offset < bytes.count else { return }
      if bytes[offset] == UInt8(ascii: "\n") {
        place = DocumentPlace(line: place.line + 1, column: 1)
      } else {
        place.column += 1
      }
      offset += 1
      while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
    }
  }

  /// Two lines that show a place: the source line, and a caret below it.
  ///
  /// Of a long line only what is near the place is shown. Tabs are kept in both lines, so that the caret stands right
  /// whatever they are set to; characters that take two columns get two spaces; control characters are not passed on.
  package func excerpt(at place: DocumentPlace) -> String {
    let reach = 80
    let scalars = Array(line(place.line).unicodeScalars)
    let column = min(max(place.column - 1, 0), scalars.count)
    let start = scalars.count <= 2 * reach ? 0 : max(0, column - reach)
    let end = scalars.count <= 2 * reach ? scalars.count : min(scalars.count, column + reach)
    var shown = start > 0 ? "…" : ""
    var below = start > 0 ? " " : ""
    for index in start..<end {
      let scalar = scalars[index].isControl ? "\u{FFFD}" : scalars[index]
      shown.unicodeScalars.append(scalar)
      guard index < column else { continue }
      if scalar == "\t" { below += "\t" } else { below += String(repeating: " ", count: scalar.columns) }
    }
    if end < scalars.count { shown += "…" }
    return "\(shown)\n\(below)^"
  }
}

extension Unicode.Scalar {
  /// Whether a terminal might act on it, or would draw the rest of the line elsewhere.
  fileprivate var isControl: Bool {
    if self == "\t" { return false }
    switch value {
    case 0x202A...0x202E, 0x2066...0x2069, 0x2028, 0x2029: return true
    default: return properties.generalCategory == .control
    }
  }

  /// How many columns a terminal gives it (Unicode Standard Annex #11, wide and full-width).
  fileprivate var columns: Int {
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
      return 2
    default: return properties.isEmojiPresentation ? 2 : 1
    }
  }
}
