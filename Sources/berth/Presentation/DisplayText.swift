/// Text as a terminal shows it.
enum DisplayText {
  /// The text on one line and without control characters, so that a name of a file or a label cannot move the cursor
  /// or change colours.
  static func safe(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n", "\t", "\r": result.append(" ")
      case _ where isControl(scalar): result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Text of several lines: these and tabs stay, colours are left out, and what else acts on a terminal is replaced.
  static func block(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { isControl($0) && $0 != "\n" && $0 != "\t" }) else { return text }
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.first {
      if scalar == "\u{1B}", let end = endOfColour(rest) {
        rest = rest[end...]
        continue
      }
      rest = rest.dropFirst()
      switch scalar {
      case "\n", "\t": result.append(scalar)
      case "\r": break
      case _ where isControl(scalar): result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// A line of a program's output: its colours stay where they are wanted, and it ends without any.
  static func coloured(_ text: String, keepsColours: Bool) -> String {
    guard text.unicodeScalars.contains("\u{1B}") else { return safe(text) }
    var result = ""
    var hasColours = false
    var rest = text.unicodeScalars[...]
    while let start = rest.firstIndex(of: "\u{1B}") {
      result += safe(String(rest[..<start]))
      let sequence = rest[start...]
      if let end = endOfColour(sequence) {
        if keepsColours { result += String(sequence[..<end]) }
        hasColours = true
        rest = sequence[end...]
      } else {
        result += safe("\u{1B}")
        rest = sequence.dropFirst()
      }
    }
    return result + safe(String(rest)) + (hasColours && keepsColours ? "\u{1B}[0m" : "")
  }

  /// Where a sequence that only changes colours (`ESC [ 1 ; 31 m`, ECMA-48 §8.3.117) ends; nil for all others.
  private static func endOfColour(_ sequence: Substring.UnicodeScalarView) -> String.Index? {
    let parameters = sequence.dropFirst()
    guard parameters.first == "[" else { return nil }
    let rest = parameters.dropFirst().drop { ("0"..."9").contains($0) || $0 == ";" || $0 == ":" }
    return rest.first == "m" ? rest.index(after: rest.startIndex) : nil
  }

  /// How many columns the text takes.
  static func width(_ text: String) -> Int {
    text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.reduce(0) { $0 + width($1) }
  }

  /// The text cut to a number of columns, with `…` where something is missing.
  ///
  /// - Parameter keepsEnd: Whether the beginning is cut off, as is better for paths.
  static func cut(_ text: String, to columns: Int, keepsEnd: Bool = false) -> String {
    guard width(text) > columns else { return text }
    guard columns > 1 else { return String(repeating: "…", count: max(0, columns)) }
    var kept: [Character] = []
    var taken = 1
    for character in keepsEnd ? Array(text.reversed()) : Array(text) {
      taken += width(character)
      if taken > columns { break }
      kept.append(character)
    }
    return keepsEnd ? "…" + String(kept.reversed()) : String(kept) + "…"
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    // C0, DEL, C1, line and paragraph separators, and what turns the direction of writing.
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  /// East Asian wide characters and emoji take two columns; marks that combine take none of their own.
  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    if scalar.properties.isEmojiPresentation { return 2 }
    if character.unicodeScalars.count > 1, character.unicodeScalars.contains("\u{FE0F}") { return 2 }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return 2
    default:
      switch scalar.properties.generalCategory {
      case .nonspacingMark, .enclosingMark, .format: return 0
      default: return 1
      }
    }
  }
}
