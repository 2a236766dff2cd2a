package import BerthProtocol

/// A file that is read into a catalog.
package struct CatalogSource: Sendable {
  /// The name that faults tell.
  package let name: String
  package let bytes: [UInt8]

  package init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}

/// What can be installed and how: the providers, and the rows that use them.
///
/// How its files are written stands at the head of `data/providers/records.yaml` (target CatalogData).
package struct CatalogFile: Sendable {
  /// In the order of the files.
  package internal(set) var runtimes: [RuntimeRow] = []
  package internal(set) var servers: [ServerRow] = []
  /// By name.
  package internal(set) var providers: [String: Provider] = [:]

  /// The catalog with the rows of further files.
  ///
  /// A row of the same id takes the place of the one that is there; a provider cannot be replaced. A file in which
  /// anything is wrong is left out whole.
  package func merged(with sources: [CatalogSource], faults: inout [CatalogFault]) -> CatalogFile {
    var merged = self
    for source in sources {
      do throws(CatalogFaults) {
        merged = try merged.adding([source])
      } catch {
        faults += error.faults
      }
    }
    return merged
  }

  /// - Throws: All that is wrong with any of the files.
  package func adding(_ sources: [CatalogSource]) throws(CatalogFaults) -> CatalogFile {
    let reader = CatalogReader(base: self)
    reader.read(sources)
    guard reader.faults.isEmpty else { throw CatalogFaults(faults: reader.faults) }
    return reader.catalog
  }

  // MARK: Finding rows

  package func runtime(_ name: String, _ version: String) -> RuntimeRow? {
    runtimes.first { $0.name == name && $0.version == version }
  }

  /// The row of an id such as `python-3.13`.
  package func runtime(id: String) -> RuntimeRow? { runtimes.first { $0.id == id } }

  package func server(_ runtimeName: String, _ name: String) -> ServerRow? {
    servers.first { $0.runtimeName == runtimeName && $0.name == name }
  }

  /// The servers of a runtime's family.
  package func servers(of runtimeName: String) -> [ServerRow] { servers.filter { $0.runtimeName == runtimeName } }

  // MARK: Recipes

  /// How a runtime is installed on systems of a family; nil where it cannot be.
  package func recipe(for row: RuntimeRow, on family: OSFamily) -> Recipe? {
    guard let choice = row.recipes[family]?.first(where: { $0.applies(to: row.version) }),
      let provider = providers[choice.provider]
    else { return nil }
    return Recipe(
      row: row.id, displayName: row.displayName, version: row.version, runtime: nil, family: family,
      provider: provider, values: choice.values, providers: providers)
  }

  /// How a server is installed beside a version of its runtime.
  package func recipe(for row: ServerRow, of runtime: RuntimeRow, on family: OSFamily) -> Recipe? {
    guard runtime.name == row.runtimeName,
      let choice = row.recipes[family]?.first(where: { $0.applies(to: runtime.version) }),
      let provider = providers[choice.provider]
    else { return nil }
    return Recipe(
      row: "\(runtime.id)-\(row.name)", displayName: row.displayName, version: row.version ?? RuntimeRow.system,
      runtime: runtime, family: family, provider: provider, values: choice.values, providers: providers)
  }
}
