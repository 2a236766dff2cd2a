package import BerthProtocol
import Documents
import GRDB
import JSON
import Platform
import Synchronization

/// The catalog as clients see it: rows in the database, which people may change, and the recipes behind them.
///
/// Nothing is read before somebody asks: a server that provisions nothing does not pay for it.
package final class CatalogService: Sendable {
  private let store: ProvisioningStore
  /// The folder of the user's own rows.
  private let folder: String
  private let loaded = Mutex<CatalogFile?>(nil)

  init(store: ProvisioningStore, folder: String) {
    self.store = store
    self.folder = folder
  }

  // MARK: Listing

  package func list(_ params: CatalogListRuntimes.Params) throws -> CatalogRuntimeList {
    let rows: [CatalogRuntime] = try rows(.runtime)
    if let name = params.runtimeName, !rows.contains(where: { $0.name == name }) {
      throw Self.unknown(name, among: rows)
    }
    return CatalogRuntimeList(
      runtimes: rows.filter {
        (params.runtimeName == nil || $0.name == params.runtimeName) && ($0.isActive || params.includeInactive)
      })
  }

  package func list(_ params: CatalogListServers.Params) throws -> CatalogServerList {
    let rows = try servers(of: params.runtimeName)
    return CatalogServerList(servers: rows.filter { $0.isActive || params.includeInactive })
  }

  private func servers(of runtimeName: String) throws -> [CatalogServer] {
    let runtimes: [CatalogRuntime] = try rows(.runtime)
    guard runtimes.contains(where: { $0.name == runtimeName }) else { throw Self.unknown(runtimeName, among: runtimes) }
    let servers: [CatalogServer] = try rows(.server)
    return servers.filter { $0.runtimeName == runtimeName }
  }

  /// - Throws: `runtime_not_found`.
  package func runtime(_ id: String) throws -> CatalogRuntime {
    let rows: [CatalogRuntime] = try rows(.runtime)
    if let row = rows.first(where: { $0.id == id }) { return row }
    throw ProtocolError(
      .runtimeNotFound, "The catalog has no runtime \(id). `catalog/listRuntimes` lists those there are.")
  }

  /// - Throws: `runtime_unknown`, `server_unknown`.
  package func server(_ name: String, of runtimeName: String) throws -> CatalogServer {
    let rows = try servers(of: runtimeName)
    if let row = rows.first(where: { $0.name == name }) { return row }
    throw ProtocolError(
      .serverUnknown,
      "\(runtimeName) has no server \(name), but: \(rows.map(\.name).joined(separator: ", ")).",
      extra: ["servers": .array(rows.map { .string($0.name) })])
  }

  private static func unknown(_ name: String, among rows: [CatalogRuntime]) -> ProtocolError {
    var names: [String] = []
    for row in rows where !names.contains(row.name) { names.append(row.name) }
    return ProtocolError(
      .runtimeUnknown, "There is no runtime called \(name), but: \(names.joined(separator: ", ")).",
      extra: ["runtimeNames": .array(names.map { .string($0) })])
  }

  // MARK: Recipes

  package func get(_ params: CatalogGetRuntime.Params) throws -> CatalogRuntimeDetail {
    let runtime = try runtime(params.runtimeId)
    let recipes = try OSFamily.allCases.compactMap { family in
      try recipe(runtime.id, on: family).map { Self.described($0, scripts: params.scripts) }
    }
    return CatalogRuntimeDetail(runtime: runtime, recipes: recipes)
  }

  /// The recipes are those that go with the language's first active version; a version of its own may have others.
  package func get(_ params: CatalogGetServer.Params) throws -> CatalogServerDetail {
    let server = try server(params.server, of: params.runtimeName)
    let runtimes: [CatalogRuntime] = try rows(.runtime)
    let runtime = runtimes.first { $0.name == params.runtimeName && $0.isActive }
    let recipes = try OSFamily.allCases.compactMap { family in
      try runtime.flatMap { try recipe(server.name, of: $0.id, on: family) }
        .map { Self.described($0, scripts: params.scripts) }
    }
    return CatalogServerDetail(server: server, recipes: recipes)
  }

  private static func described(_ recipe: Recipe, scripts: Bool) -> CatalogRecipe {
    func script(_ step: RecipeStep) -> String? { scripts ? recipe.script(step) : nil }
    return CatalogRecipe(
      os: recipe.family, provider: recipe.provider.name, probe: script(.probe), install: script(.install),
      verify: script(.verify), remove: script(.remove))
  }

  func recipe(_ runtimeID: String, on family: OSFamily) throws -> Recipe? {
    let file = try file()
    return file.runtime(id: runtimeID).flatMap { file.recipe(for: $0, on: family) }
  }

  func recipe(_ server: String, of runtimeID: String, on family: OSFamily) throws -> Recipe? {
    let file = try file()
    guard let runtime = file.runtime(id: runtimeID), let row = file.server(runtime.name, server) else { return nil }
    return file.recipe(for: row, of: runtime, on: family)
  }

  // MARK: Changing

  package func update(_ params: CatalogUpdateRuntime.Params) throws -> CatalogRuntime {
    let id = try runtime(params.runtimeId).id
    return try change(.runtime, id) { (row: inout CatalogRuntime) in
      try ProjectService.check(params.ifVersion, row.version, "row \(row.id)")
      let before = row
      row.isActive = params.isActive ?? row.isActive
      row.displayName = params.displayName ?? row.displayName
      guard row != before else { return }
      row.changed = true
      row.version += 1
    }
  }

  package func update(_ params: CatalogUpdateServer.Params) throws -> CatalogServer {
    let server = try server(params.server, of: params.runtimeName)
    return try change(.server, "\(server.runtimeName)-\(server.name)") { (row: inout CatalogServer) in
      try ProjectService.check(params.ifVersion, row.version, "row \(row.name)")
      let before = row
      row.isActive = params.isActive ?? row.isActive
      row.displayName = params.displayName ?? row.displayName
      guard row != before else { return }
      row.changed = true
      row.version += 1
    }
  }

  private func change<T: JSONCodable>(_ kind: CatalogKind, _ id: String, _ body: (inout T) throws -> Void) throws -> T {
    try store.write { db in
      let sql = "SELECT row FROM catalog_rows WHERE kind = ? AND id = ?"
      guard let text = try String.fetchOne(db, sql: sql, arguments: [kind.rawValue, id]) else {
        throw ProtocolError(.runtimeNotFound, "The row \(id) of the catalog is gone.")
      }
      var row = try T(column: text)
      try body(&row)
      try db.execute(
        sql: "UPDATE catalog_rows SET row = ? WHERE kind = ? AND id = ?",
        arguments: [row.jsonString, kind.rawValue, id])
      return row
    }
  }

  // MARK: Seeding

  private enum CatalogKind: String {
    case runtime, server
  }

  /// `catalog/seed`: reads the files again.
  package func seed() throws -> CatalogSeeded {
    var faults: [CatalogFault] = []
    let builtIn = try Catalog.builtIn()
    let file = try builtIn.merged(with: userFiles(), faults: &faults)
    guard faults.isEmpty else {
      throw ProtocolError(
        .catalogInvalid, "The catalog's files have faults, and nothing of them was taken: \(faults[0]).",
        errors: faults.map { fault in
          let place: [JSONValue] = [.string(fault.file), .integer(fault.place.line), .integer(fault.place.column)]
          return Fault(loc: place, msg: fault.message, type: "catalog")
        })
    }
    return try loaded.withLock { loaded in
      let seeded = try write(file, builtIn)
      loaded = file
      return seeded
    }
  }

  /// The files, which are read at the first call. A faulty file of the user's is left out then; seeding tells of it.
  private func file() throws -> CatalogFile {
    try loaded.withLock { loaded in
      if let loaded { return loaded }
      var faults: [CatalogFault] = []
      let builtIn = try Catalog.builtIn()
      let file = try builtIn.merged(with: userFiles(), faults: &faults)
      _ = try write(file, builtIn)
      loaded = file
      return file
    }
  }

  private func rows<T: JSONDecodable>(_ kind: CatalogKind) throws -> [T] {
    _ = try file()
    return try store.read { db in
      let sql = "SELECT row FROM catalog_rows WHERE kind = ? ORDER BY position"
      return try String.fetchAll(db, sql: sql, arguments: [kind.rawValue]).map { try T(column: $0) }
    }
  }

  private func userFiles() throws -> [CatalogSource] {
    guard let directory = try? Directory(path: folder) else { return [] }
    return try directory.entries().map(\.name.string).filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
      .compactMap { name in
        try SmallFile.read(folder + "/" + name).map { CatalogSource(name: folder + "/" + name, bytes: $0) }
      }
  }

  /// Brings the rows up to the files. What was changed by hand stays as it is.
  private func write(_ file: CatalogFile, _ builtIn: CatalogFile) throws -> CatalogSeeded {
    let own = Set(builtIn.runtimes.map(\.id)), ownServers = Set(builtIn.servers.map(\.id))
    var seeded = CatalogSeeded(added: 0, updated: 0, kept: 0, removed: 0)
    try store.write { db in
      var before: [String: String] = [:]
      for row in try Row.fetchAll(db, sql: "SELECT kind || '/' || id, row FROM catalog_rows") {
        before[row[0]] = row[1]
      }
      func put<T: CatalogEntry>(_ kind: CatalogKind, _ id: String, _ position: Int, _ row: T) throws {
        var row = row
        switch try before.removeValue(forKey: "\(kind.rawValue)/\(id)").map({ try T(column: $0) }) {
        case nil: seeded.added += 1
        case let old?:
          if old.changed {
            seeded.kept += 1
            row = row.keeping(old)
          } else if old != row {
            seeded.updated += 1
          }
        }
        try db.execute(
          sql: "INSERT OR REPLACE INTO catalog_rows VALUES (?, ?, ?, ?)",
          arguments: [kind.rawValue, id, position, row.jsonString])
      }
      for (position, row) in file.runtimes.enumerated() {
        let entry = CatalogRuntime(row, own.contains(row.id) ? .builtIn : .home)
        try put(.runtime, row.id, position, entry)
      }
      for (position, row) in file.servers.enumerated() {
        let entry = CatalogServer(row, ownServers.contains(row.id) ? .builtIn : .home)
        try put(.server, row.id, position, entry)
      }
      seeded.removed = before.count
      for key in before.keys {
        try db.execute(sql: "DELETE FROM catalog_rows WHERE kind || '/' || id = ?", arguments: [key])
      }
    }
    return seeded
  }
}

/// A row of the catalog as it is told, of which a person may change something.
private protocol CatalogEntry: JSONCodable, Equatable {
  var isActive: Bool { get set }
  var displayName: String { get set }
  var changed: Bool { get set }
  var version: Int { get set }
}

extension CatalogEntry {
  /// With what was changed by hand in an earlier state of the row.
  fileprivate func keeping(_ old: Self) -> Self {
    var row = self
    (row.isActive, row.displayName, row.changed, row.version) = (old.isActive, old.displayName, true, old.version)
    return row
  }
}

extension CatalogRuntime: CatalogEntry {
  init(_ row: RuntimeRow, _ origin: CatalogOrigin) {
    self.init(
      id: row.id, name: row.name, runtimeVersion: row.version, displayName: row.displayName, isActive: row.isActive,
      note: row.note, origin: origin, os: OSFamily.allCases.filter { row.recipes[$0]?.isEmpty == false },
      changed: false, version: 1)
  }
}

extension CatalogServer: CatalogEntry {
  init(_ row: ServerRow, _ origin: CatalogOrigin) {
    self.init(
      name: row.name, runtimeName: row.runtimeName, displayName: row.displayName, isActive: row.isActive,
      note: row.note, origin: origin, os: OSFamily.allCases.filter { row.recipes[$0]?.isEmpty == false },
      changed: false, version: 1)
  }
}
