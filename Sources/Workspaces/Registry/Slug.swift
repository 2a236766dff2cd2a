import Platform

/// Short names of ASCII letters, digits and hyphens, made from names for people.
enum Slug {
  static let maximumLength = 48

  /// The name in lower-case letters, digits and hyphens. Latin letters lose their marks (`Über Café` becomes
  /// `uber-cafe`); what cannot be written so is left out, and `workspace` stands for a name of which nothing is left.
  static func make(from name: String) -> String {
    var slug: [UInt8] = []
    var wantsHyphen = false
    for scalar in name.unicodeScalars {
      if scalar.properties.canonicalCombiningClass != .notReordered { continue }
      let letters = letters(of: scalar)
      if letters.isEmpty {
        wantsHyphen = !slug.isEmpty
        continue
      }
      if slug.count + letters.count + (wantsHyphen ? 1 : 0) > maximumLength { break }
      if wantsHyphen { slug.append(UInt8(ascii: "-")) }
      wantsHyphen = false
      slug += letters
    }
    return slug.isEmpty ? "workspace" : String(decoding: slug, as: UTF8.self)
  }

  /// The first of `slug`, `slug-2`, `slug-3`… that is free.
  static func unique(_ slug: String, isTaken: (String) throws -> Bool) rethrows -> String {
    try freeName(slug, maximumLength: maximumLength, isTaken: isTaken)
  }

  /// The ASCII letters or digit that a character comes down to; none where there are none.
  private static func letters(of scalar: Unicode.Scalar) -> [UInt8] {
    switch scalar {
    case "a"..."z", "0"..."9": return [UInt8(ascii: scalar)]
    case "A"..."Z": return [UInt8(ascii: scalar) + 32]
    case "ß", "ẞ": return Array("ss".utf8)
    case "þ", "Þ": return Array("th".utf8)
    case "ð", "Ð": return Array("d".utf8)
    default: break
    }
    // Unicode names a letter with a mark after the one without: LATIN SMALL LETTER E WITH ACUTE, LATIN CAPITAL LETTER AE.
    guard let words = scalar.properties.name?.split(separator: " "), words.count > 3,
      words[0] == "LATIN", words[2] == "LETTER", words[3].utf8.count <= 2
    else { return [] }
    return Array(words[3].lowercased().utf8)
  }
}
