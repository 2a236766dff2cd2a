/// The anchors of the reference page's headings, as GitHub makes them: a heading that comes again gets a number.
struct Anchors {
  private var families: [String: String] = [:]
  private var methods: [String: String] = [:]
  private var types: [String: String] = [:]

  subscript(family name: String) -> String { families[name] ?? "" }
  subscript(method name: String) -> String { methods[name] ?? "" }
  subscript(type name: String) -> String { types[name] ?? "" }

  /// Goes through the headings in the order of the page.
  init(_ definition: ProtocolDefinition) {
    var seen: [String: Int] = [:]
    func anchor(_ heading: String) -> String {
      let plain = String(
        heading.lowercased().compactMap { character in
          character == " "
            ? "-" : character.isLetter || character.isNumber || "-_".contains(character) ? character : nil
        })
      let count = seen[plain, default: 0]
      seen[plain] = count + 1
      return count == 0 ? plain : "\(plain)-\(count)"
    }
    for fixed in ["Contents", "How to read this page"] { _ = anchor(fixed) }
    for family in definition.families {
      families[family.name] = anchor(family.name)
      for method in family.methods { methods[method.name] = anchor(method.name) }
      for component in family.components { types[component.name] = anchor(component.name) }
    }
    _ = anchor("Shared types")
    for component in definition.shared { types[component.name] = anchor(component.name) }
  }
}
