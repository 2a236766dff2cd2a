import BerthProtocol
internal import Documents

/// Reads files into a catalog, and finds all that is wrong with them.
///
/// Providers are taken up first, so that the rows of any file can name them.
final class CatalogReader {
  private(set) var catalog: CatalogFile
  let found = CatalogFaultList()
  /// The rows that these files have brought, to tell those that come twice.
  private var places: [String: String] = [:]

  /// In the order of the files and of their texts.
  private(set) var faults: [CatalogFault] = []

  init(base: CatalogFile) {
    catalog = base
  }

  func read(_ sources: [CatalogSource]) {
    let tops = sources.map { ($0.name, top($0)) }
    for (_, top) in tops { top["providers"].map(readProviders) }
    checkPieces(of: tops.compactMap { $0.1["providers"] })
    for (_, top) in tops {
      for row in top["runtimes"]?.list("a list of runtimes") ?? [] { readRuntime(row) }
      for row in top["servers"]?.list("a list of servers") ?? [] { readServer(row) }
    }
    let order = Dictionary(sources.enumerated().map { ($1.name, $0) }) { first, _ in first }
    faults = found.faults.sorted { (order[$0.file] ?? 0, $0.place) < (order[$1.file] ?? 0, $1.place) }
  }

  private func top(_ source: CatalogSource) -> [String: CatalogNode] {
    let document = Document(source.bytes, format: .yaml)
    for fault in document.faults { found.add(source.name, fault.place, fault.message) }
    guard let root = document.root, !root.isNull else { return [:] }
    let node = CatalogNode(node: root, file: source.name, faults: found)
    return node.fields("a catalog", ["providers", "runtimes", "servers"]) ?? [:]
  }

  // MARK: Providers

  private func readProviders(_ node: CatalogNode) {
    for member in node.members("providers by name") {
      guard let name = member.key.name("name of a provider") else { continue }
      guard catalog.providers[name] == nil else {
        member.key.fault("there is a provider `\(name)` already, and it cannot be replaced")
        continue
      }
      catalog.providers[name] = ProviderReader(name: name).read(member.value)
    }
  }

  /// What a template uses must be there.
  private func checkPieces(of nodes: [CatalogNode]) {
    for node in nodes {
      for member in node.members("providers by name") {
        guard let provider = catalog.providers[member.name] else { continue }
        for family in provider.families.sorted(by: { $0.rawValue < $1.rawValue }) {
          let templates = Templates(providers: catalog.providers, provider: provider, family: family)
          if let missing = templates.missing {
            member.key.fault("the scripts of `\(member.name)` use `\(missing)`, which no provider has")
            break
          }
        }
      }
    }
  }

  // MARK: Rows

  private func readRuntime(_ node: CatalogNode) {
    let known: Set = ["name", "displayName", "with", "recipes", "versions"]
    guard let fields = node.fields("a runtime", known) else { return }
    guard let name = required("name", of: fields, node)?.name("name of a runtime") else { return }
    let title = fields["displayName"]?.text("a name for people") ?? name
    guard let versions = required("versions", of: fields, node)?.list("a list of versions") else { return }
    for node in versions {
      let known: Set = ["version", "displayName", "isActive", "note", "with", "recipes"]
      guard let own = node.fields("a version", known),
        let version = required("version", of: own, node)?.name("version")
      else { continue }
      let recipes = RecipeReader(catalog: catalog, faults: found).read(
        rows: [fields["recipes"], own["recipes"]].compactMap { $0 },
        with: [fields["with"], own["with"]].compactMap { $0 })
      let row = RuntimeRow(
        name: name, version: version,
        displayName: own["displayName"]?.text("a name for people") ?? "\(title) \(version)",
        isActive: own["isActive"]?.flag() ?? true, note: own["note"]?.text("a sentence"), recipes: recipes)
      guard isNew(row.id, node) else { continue }
      if row.isActive, recipes.isEmpty { node.fault("`\(row.id)` has no recipes") }
      catalog.runtimes.removeAll { $0.id == row.id }
      catalog.runtimes.append(row)
    }
  }

  private func readServer(_ node: CatalogNode) {
    let known: Set = ["name", "displayName", "runtimes", "version", "isActive", "note", "with", "recipes"]
    guard let fields = node.fields("a server", known) else { return }
    guard let name = required("name", of: fields, node)?.name("name of a server") else { return }
    guard let families = required("runtimes", of: fields, node)?.list("a list of families of runtimes") else { return }
    let recipes = RecipeReader(catalog: catalog, faults: found).read(
      rows: [fields["recipes"]].compactMap { $0 }, with: [fields["with"]].compactMap { $0 })
    let isActive = fields["isActive"]?.flag() ?? true
    if isActive, recipes.isEmpty { node.fault("`\(name)` has no recipes") }
    for family in families {
      guard let runtimeName = family.name("name of a runtime") else { continue }
      guard catalog.runtimes.contains(where: { $0.name == runtimeName }) else {
        family.fault("there is no runtime `\(runtimeName)`")
        continue
      }
      let row = ServerRow(
        runtimeName: runtimeName, name: name, displayName: fields["displayName"]?.text("a name for people") ?? name,
        version: fields["version"]?.name("version"), isActive: isActive, note: fields["note"]?.text("a sentence"),
        recipes: recipes)
      guard isNew("server \(row.id)", node) else { continue }
      catalog.servers.removeAll { $0.id == row.id }
      catalog.servers.append(row)
    }
  }

  private func required(_ key: String, of fields: [String: CatalogNode], _ node: CatalogNode) -> CatalogNode? {
    if fields[key] == nil { node.fault("`\(key)` is missing") }
    return fields[key]
  }

  private func isNew(_ id: String, _ node: CatalogNode) -> Bool {
    let place = "\(node.file):\(node.node.place.line)"
    if let other = places.updateValue(place, forKey: id) {
      node.fault("the row `\(id)` is given twice; the other one is at \(other)")
      return false
    }
    return true
  }
}
