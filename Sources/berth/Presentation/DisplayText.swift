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
