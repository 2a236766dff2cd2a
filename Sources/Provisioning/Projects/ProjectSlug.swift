/// Short names of projects and environments, for addresses.
enum ProjectSlug {
  static let maximumLength = 100

  /// Lower case, white space and `_` as `-`, and of the rest only letters of ASCII, digits and `-`; `untitled` where
  /// nothing is left.
  static func make(from name: String) -> String {
    var slug = ""
    for character in name.lowercased() where slug.utf8.count < maximumLength {
      switch character {
      case "a"..."z" where character.isASCII, "0"..."9" where character.isASCII, "-": slug.append(character)
      case "_": slug.append("-")
      default: if character.isWhitespace { slug.append("-") }
      }
    }
    return slug.contains { $0 != "-" } ? slug : "untitled"
  }
}
