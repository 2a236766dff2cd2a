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

  /// The first of `slug`, `slug-2`, `slug-3`… that is free.
  static func unique(_ slug: String, isTaken: (String) throws -> Bool) rethrows -> String {
    guard try isTaken(slug) else { return slug }
    var number = 2
    while try isTaken("\(slug)-\(number)") { number += 1 }
    return "\(slug)-\(number)"
  }
}
