internal import Documents

extension ManifestReader {
  /// The text of a value, with its references found.
  func substituted(_ value: ManifestValue, _ text: String?) -> SubstitutedText? {
    guard let text else { return nil }
    var parts: [SubstitutedText.Part] = []
    var isFaulty = false
    var search: SourceText.Search?
    func place(_ written: String) -> DocumentPlace {
      var current = search ?? source.search(from: value.node.place)
      defer { search = current }
      return current.next(written) ?? value.node.place
    }
    for piece in SubstitutionParser.pieces(of: text) {
      switch piece {
      case .text(let text): parts.append(.text(text))
      case .reference(let name, let absence, let written):
        parts.append(.reference(.init(name: name, absence: absence, place: place(written))))
      case .bare(let name):
        findings.warning(
          .substitution, "`$\(name)` is taken as it is; write `$$\(name)` to say so", value.path, place("$\(name)"),
          suggestion: "${\(name)}")
        parts.append(.text("$\(name)"))
      case .fault(let message, let written):
        findings.error(.substitution, message, value.path, place(written))
        isFaulty = true
      }
    }
    return isFaulty ? nil : SubstitutedText(parts, path: value.path)
  }

  private static let mostVariables = 1000

  /// `env`: a mapping of variables.
  func environment() -> [ManifestVariable] {
    guard let value = root.own("env") else { return [] }
    var variables: [ManifestVariable] = []
    var values: [String: ManifestValue] = [:]
    let members = value.members("a mapping of variables") ?? []
    if members.count > Self.mostVariables {
      value.error(.limit, "expected at most \(Self.mostVariables) variables, found \(members.count)")
      return []
    }
    for (name, key, entry) in members {
      guard key.environmentName() != nil else { continue }
      if let port = ports.port(for: name) {
        key.error(.conflict, "`\(name)` is the number of the port `\(port.name)`; it is set by `ports`")
        continue
      }
      // A key without a value is a variable that is empty.
      let text = entry.node.isNull ? "" : entry.text()
      guard let text = substituted(entry, text) else { continue }
      variables.append(ManifestVariable(name: name, value: text))
      values[name] = key
    }
    for cycle in VariableOrder(variables).cycles {
      let names = (cycle + [cycle[0]]).map { "`\($0)`" }.joined(separator: " → ")
      values[cycle[0]]?.error(.substitution, "variables stand for each other in a circle: \(names)")
    }
    return variables
  }

  func secrets(_ environment: [ManifestVariable]) -> [String] {
    var names: [String] = []
    var seen: Set<String> = []
    let open = Set(environment.map(\.name))
    for value in root.own("secrets")?.list("a list of the names of variables") ?? [] {
      guard let name = value.environmentName(), seen.insert(name).inserted else { continue }
      if open.contains(name) {
        value.error(.conflict, "`\(name)` is a secret, and `env` gives its value for all to read")
      }
      names.append(name)
    }
    return names
  }
}
