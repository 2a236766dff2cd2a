import BerthProtocol
import Documents

/// Reads the recipes of a row.
///
/// Each is written for a family, or for `linux` or `all`, which stand for the families that are not named themselves.
struct RecipeReader {
  let catalog: CatalogFile
  let faults: CatalogFaultList

  /// - Parameters:
  ///   - rows: Mappings of recipes; a later one counts before an earlier one, family for family.
  ///   - with: Values for all recipes whose provider has a parameter of that name; later ones count.
  func read(rows: [CatalogNode], with: [CatalogNode]) -> [OSFamily: [RecipeChoice]] {
    var shared: [String: (key: CatalogNode, value: CatalogNode)] = [:]
    for member in with.flatMap({ $0.members("values by parameter") }) {
      shared[member.name] = (member.key, member.value)
    }
    var recipes: [OSFamily: [RecipeChoice]] = [:]
    var used: Set<String> = []
    for row in rows {
      for (families, node) in families(row) {
        let (choices, names) = choices(node, shared.mapValues(\.value), on: families)
        used.formUnion(names)
        for family in families { recipes[family] = choices.isEmpty ? nil : choices }
      }
    }
    for (name, member) in shared where !recipes.isEmpty && !used.contains(name) {
      member.key.fault("no provider of the row has a parameter `\(name)`")
    }
    return recipes
  }

  private func families(_ node: CatalogNode) -> [([OSFamily], CatalogNode)] {
    let members = node.members("recipes by family of systems")
    let named = Set(members.compactMap { OSFamily(rawValue: $0.name) })
    let isLinuxNamed = members.contains { $0.name == "linux" }
    return members.compactMap { member in
      switch member.name {
      case "all":
        return (OSFamily.allCases.filter { !named.contains($0) && !($0.isLinux && isLinuxNamed) }, member.value)
      case "linux": return (OSFamily.allCases.filter { $0.isLinux && !named.contains($0) }, member.value)
      default:
        guard let family = OSFamily(rawValue: member.name) else {
          let known = OSFamily.allCases.map(\.rawValue) + ["linux", "all"]
          member.key.fault("`\(member.name)` is no family of systems; there are \(known.quoted)")
          return nil
        }
        return ([family], member.value)
      }
    }
  }

  private func choices(
    _ node: CatalogNode, _ shared: [String: CatalogNode], on families: [OSFamily]
  ) -> ([RecipeChoice], Set<String>) {
    // Nothing: what a row says for all does not hold here.
    if node.node.isNull { return ([], []) }
    var used: Set<String> = []
    let nodes: [CatalogNode]
    if case .sequence = node.node.content { nodes = node.list("recipes") } else { nodes = [node] }
    let choices = nodes.compactMap { choice($0, shared, families, &used) }
    return (choices, used)
  }

  private func choice(
    _ node: CatalogNode, _ shared: [String: CatalogNode], _ families: [OSFamily], _ used: inout Set<String>
  ) -> RecipeChoice? {
    let members = node.members("a recipe")
    guard let named = members.first(where: { $0.name == "provider" })?.value else {
      node.fault("`provider` is missing")
      return nil
    }
    guard let name = named.name("name of a provider") else { return nil }
    guard let provider = catalog.providers[name], !provider.steps.isEmpty else {
      let known = catalog.providers.values.filter { !$0.steps.isEmpty }.map(\.name).sorted()
      named.fault("there is no provider `\(name)`; there are \(known.quoted)")
      return nil
    }
    if let family = families.first(where: { !provider.families.contains($0) }) {
      named.fault("the provider `\(name)` does not work on \(family.rawValue)")
      return nil
    }
    var condition = RecipeChoice.Condition.any
    var given = shared.filter { provider.parameters[$0.key] != nil }
    used.formUnion(given.keys)
    for member in members where member.name != "provider" {
      if member.name == "for" {
        condition = member.value.choice(RecipeChoice.Condition.self) ?? .any
      } else if provider.parameters[member.name] != nil {
        given[member.name] = member.value
      } else {
        let known = provider.parameters.keys.sorted()
        member.key.fault("`\(member.name)` is no parameter of `\(name)`; there are \(known.quoted)")
      }
    }
    return RecipeChoice(condition: condition, provider: name, values: values(of: provider, given, node))
  }

  private func values(
    of provider: Provider, _ given: [String: CatalogNode], _ node: CatalogNode
  ) -> [String: ParameterValue] {
    var values: [String: ParameterValue] = [:]
    for parameter in provider.parameters.values {
      if let node = given[parameter.name] {
        values[parameter.name] = ParameterReader.value(parameter.kind, node)
      } else if let standard = parameter.standard {
        values[parameter.name] = standard
      } else {
        node.fault("`\(parameter.name)` is missing, which `\(provider.name)` needs")
      }
    }
    return values
  }
}
