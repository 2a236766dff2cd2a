import BerthProtocol

/// Reads the definition of a provider.
struct ProviderReader {
  /// What each script knows besides its provider's parameters.
  static let given: Set<String> = [
    "row", "version", "folder", "root", "runtime", "runtime_version", "runtime_folder", "family",
  ]

  let name: String

  func read(_ node: CatalogNode) -> Provider? {
    let steps = Set(RecipeStep.allCases.map(\.rawValue))
    let known = steps.union(["displayName", "families", "elevated", "parameters", "pieces"])
    guard let fields = node.fields("a provider", known) else { return nil }
    var parameters: [String: ProviderParameter] = [:]
    for member in fields["parameters"]?.members("parameters by name") ?? [] {
      parameters[member.name] = parameter(member.key, member.name, member.value)
    }
    var pieces: [String: String] = [:]
    for member in fields["pieces"]?.members("pieces of scripts by name") ?? [] {
      pieces[member.name] = member.value.text("a piece of a script")
    }
    var templates: [RecipeStep: String] = [:]
    for step in RecipeStep.allCases {
      templates[step] = fields[step.rawValue]?.text("a script")
    }
    // One that has pieces only is there for the others.
    let isLibrary = templates.isEmpty && fields["families"] == nil
    if !isLibrary, templates.count < RecipeStep.allCases.count {
      node.fault("the provider `\(name)` must have the scripts \(steps.sorted().quoted)")
    }
    let families = fields["families"]?.list("a list of families of systems").compactMap { $0.choice(OSFamily.self) }
    return Provider(
      name: name, displayName: fields["displayName"]?.text("a name for people") ?? name,
      families: Set(families ?? []), isElevated: fields["elevated"]?.flag() ?? true, parameters: parameters,
      pieces: pieces, steps: templates)
  }

  private func parameter(_ key: CatalogNode, _ name: String, _ node: CatalogNode) -> ProviderParameter? {
    guard name.isParameterName else {
      key.fault("`\(name)` is no name for a parameter: lower-case letters, digits and `_`, and a letter first")
      return nil
    }
    guard !Self.given.contains(name) else {
      key.fault("`\(name)` is given to every script, so that no parameter can have the name")
      return nil
    }
    guard let fields = node.fields("a parameter", ["kind", "default", "about"]) else { return nil }
    guard let kind = fields["kind"]?.choice(ProviderParameter.Kind.self) else {
      if fields["kind"] == nil { node.fault("`kind` is missing") }
      return nil
    }
    let standard = fields["default"].flatMap { ParameterReader.value(kind, $0, mayBeEmpty: true) }
    return ProviderParameter(name: name, kind: kind, standard: standard)
  }
}

extension String {
  var isParameterName: Bool {
    guard let first = utf8.first, (0x61...0x7A).contains(first), utf8.count <= 32 else { return false }
    return utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") }
  }
}
