import BerthProtocol
import GRDB
import JSON
import Platform

/// The parts that a connection brings: the runtime, and the application server that goes with it.
enum PartRole: String, CaseIterable {
  case runtime, server

  var path: WritableKeyPath<ConnectionDetails, ConnectionPart?> & Sendable {
    self == .runtime ? \.runtime : \.server
  }
  var install: ConnectionStep { self == .runtime ? .installRuntime : .installServer }
  var remove: ConnectionStep { self == .runtime ? .removeRuntime : .removeServer }
}

/// A part that is wanted, with its recipe for the machine.
struct WantedPart: Sendable {
  let role: PartRole
  /// Its id or name in the catalog.
  let name: String
  let recipe: Recipe
}

extension CatalogService {
  /// What a runtime's resource wants on a machine.
  ///
  /// - Throws: `unsupported_os`, `runtime_not_found`, `server_unknown`.
  func wanted(_ metadata: ResourceMetadata, on facts: InstanceFacts, of machine: String) throws -> [WantedPart] {
    guard let id = metadata.runtimeId else { return [] }
    let runtime = try runtime(id)
    let family = try Self.family(facts, machine)
    var parts = [WantedPart(role: .runtime, name: id, recipe: try recipe(runtime, family, machine))]
    if let name = metadata.applicationServer {
      let server = try server(name, of: runtime.name)
      parts.append(WantedPart(role: .server, name: name, recipe: try recipe(server, of: runtime, family, machine)))
    }
    return parts
  }

  /// A part that was brought earlier, by its row.
  func known(
    _ part: ConnectionPart, _ role: PartRole, on facts: InstanceFacts, of machine: String
  ) throws -> WantedPart {
    let family = try Self.family(facts, machine)
    // A server's row is that of its runtime, with its name behind.
    let row = try runtime(role == .runtime ? part.row : String(part.row.dropLast(part.name.count + 1)))
    let recipe =
      role == .runtime
      ? try recipe(row, family, machine) : try recipe(try server(part.name, of: row.name), of: row, family, machine)
    return WantedPart(role: role, name: part.name, recipe: recipe)
  }

  private static func family(_ facts: InstanceFacts, _ machine: String) throws -> OSFamily {
    if let family = facts.os.family { return family }
    throw ProtocolError(
      .unsupportedOs, "\(machine) is \(facts.os.name), and the catalog has no recipes for “\(facts.os.id)”.")
  }

  private func recipe(_ row: CatalogRuntime, _ family: OSFamily, _ machine: String) throws -> Recipe {
    if let recipe = try recipe(row.id, on: family) { return recipe }
    throw ProtocolError(
      .unsupportedOs,
      "The catalog can't install \(row.displayName) on \(family.rawValue) (\(machine)). `catalog/getRuntime` "
        + "tells where it can.")
  }

  private func recipe(
    _ row: CatalogServer, of runtime: CatalogRuntime, _ family: OSFamily, _ machine: String
  ) throws -> Recipe {
    if let recipe = try recipe(row.name, of: runtime.id, on: family) { return recipe }
    throw ProtocolError(
      .unsupportedOs,
      "The catalog can't install \(row.displayName) beside \(runtime.displayName) on \(family.rawValue) (\(machine)).")
  }
}

/// Bringing what is wanted.
extension ConnectionRun {
  func bring() async throws {
    let source = try service.projects.find(service.row(id).connection.sourceResourceId).resource
    try service.change(id) { row, _ in row.connection.status = .connecting }
    try await connect()
    let facts = try await probe()
    let wanted = try service.catalog.wanted(source.metadata, on: facts, of: machineName)
    let present = try await plan(wanted, facts) ?? [:]
    for part in wanted { try await install(part, present: present[part.role]) }
    try await verify(wanted, present)
    try await removeObsolete(facts)
    _ = try await step(.record, "Write down what was done") {
      try service.change(id) { row, _ in
        row.connection.status = .connected
        row.connection.activity = nil
        row.connection.step = nil
      }
      return (true, nil)
    }
  }

  /// Asks for each part whether it is there, and writes down what the connection is to have. What it had before and
  /// is not wanted any more is removed in the end.
  ///
  /// - Returns: The versions that are there.
  private func plan(_ wanted: [WantedPart], _ facts: InstanceFacts) async throws -> [PartRole: String]? {
    try await step(.plan, "See what is there") {
      var present: [PartRole: String] = [:]
      var uses: [PartRole: [String]] = [:]
      for part in wanted {
        let records = try await lasting { machine in try await self.ask(part.recipe, .probe, on: machine) }
        present[part.role] = records["present"]
        uses[part.role] = records.values("uses-package")
      }
      let (found, used) = (present, uses)
      try service.change(id) { row, _ in
        row.connection.connectionDetails.os = facts.os.name
        row.adopt(wanted, found: found, uses: used)
      }
      let told = wanted.map {
        "\($0.recipe.displayName): \(found[$0.role].map { "\($0) is there" } ?? "to be installed")"
      }
      return (found, told.joined(separator: "; "))
    }
  }

  private func install(_ part: WantedPart, present: String?) async throws {
    let name = part.role.install
    _ = try await step(name, "Install \(part.recipe.displayName)") { () -> (Bool, message: String?)? in
      let work = try service.row(id).work
      let word = "\(part.role.rawValue)-install"
      let isUnderWay = work.attempt?.hasPrefix(word) == true || work.unfinished == word
      guard present == nil || isUnderWay else { return nil }
      let path = part.role.path
      try await change(word, part.recipe, .install) { row, records in
        row.connection.connectionDetails[keyPath: path]?.add(records)
      }
      let brought = try service.row(id).connection.connectionDetails[keyPath: path]?.changes
      return (true, brought?.summary)
    }
  }

  /// Asks each part for its version. One that was there, and told it a moment ago, is not asked again.
  private func verify(_ wanted: [WantedPart], _ present: [PartRole: String]) async throws {
    _ = try await step(.verify, "Ask for the versions") {
      var versions = present
      for part in wanted where present[part.role] == nil {
        let records = try await lasting { machine in try await self.ask(part.recipe, .verify, on: machine) }
        versions[part.role] = records["version"]
      }
      let told = versions
      try service.change(id) { row, _ in
        for part in wanted {
          row.connection.connectionDetails[keyPath: part.role.path]?.installedVersion = told[part.role]
        }
      }
      return (true, wanted.map { "\($0.recipe.displayName): \(told[$0.role] ?? "?")" }.joined(separator: "; "))
    }
  }
}

extension ConnectionRow {
  /// Makes the parts those that are wanted; what another part has brought becomes obsolete.
  mutating func adopt(_ wanted: [WantedPart], found: [PartRole: String], uses: [PartRole: [String]]) {
    for role in PartRole.allCases {
      let part = wanted.first { $0.role == role }
      let old = connection.connectionDetails[keyPath: role.path]
      // A server of another version of the language is another one, though its name is the same.
      let isSame = old != nil && old?.row == part?.recipe.row
      if let old, !isSame, !old.changes.isEmpty { work.obsolete.append(old) }
      guard let part else {
        connection.connectionDetails[keyPath: role.path] = nil
        continue
      }
      var new =
        isSame
        ? old
        : ConnectionPart(
          name: part.name, row: part.recipe.row, provider: part.recipe.provider.name, foundVersion: found[role],
          uses: [], changes: .none)
      for package in part.recipe.packages + (uses[role] ?? []) where new?.uses.contains(package) == false {
        new?.uses.append(package)
      }
      connection.connectionDetails[keyPath: role.path] = new
    }
  }
}
