import BerthProtocol

/// Puts a script's text together from a provider's template and the pieces that it uses.
///
/// A line `#use PROVIDER.PIECE` stands for a piece, which may use others; each is put in once, where it is first used.
/// `#use manager.PIECE` is the piece of the family's own package manager, `#use PIECE` one of the provider's own.
struct Templates {
  let providers: [String: Provider]
  let provider: Provider
  let family: OSFamily

  /// The text of a step; of a piece that is not there, nothing.
  func text(_ step: RecipeStep) -> String {
    var used: Set<String> = []
    var missing: String?
    return expand(provider.steps[step] ?? "", of: provider, &used, &missing)
  }

  /// The first piece that is used and is not there.
  var missing: String? {
    var missing: String?
    for step in RecipeStep.allCases {
      var used: Set<String> = []
      _ = expand(provider.steps[step] ?? "", of: provider, &used, &missing)
    }
    return missing
  }

  private func expand(
    _ template: String, of owner: Provider, _ used: inout Set<String>, _ missing: inout String?
  ) -> String {
    var text = ""
    for line in template.split(separator: "\n", omittingEmptySubsequences: false) {
      guard line.hasPrefix("#use ") else {
        text += line + "\n"
        continue
      }
      let (source, name) = piece(String(line.dropFirst(5)), of: owner)
      guard let source, let piece = source.pieces[name] else {
        missing = missing ?? String(line.dropFirst(5))
        continue
      }
      if used.insert("\(source.name).\(name)").inserted { text += expand(piece, of: source, &used, &missing) }
    }
    while text.hasSuffix("\n\n") { text.removeLast() }
    return text
  }

  private func piece(_ reference: String, of owner: Provider) -> (Provider?, String) {
    let parts = reference.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return (owner, reference) }
    return (providers[parts[0] == "manager" ? family.packageManager : parts[0]], parts[1])
  }
}
