import BerthProtocol
import GRDB
import JSON
import Platform

/// A resource as the database keeps it. An instance is one too, with more beside it.
struct ResourceRow: Sendable {
  var resource: Resource
  var instance: Instance?

  static let columns = "resource, instance, deleted"

  init(_ resource: Resource) {
    self.resource = resource
  }

  init(_ instance: Instance) {
    self.instance = instance
    resource = Resource(
      id: instance.id, name: instance.name, resourceType: .instance, status: instance.status,
      project: instance.project, environment: instance.environment, position: instance.position,
      metadata: ResourceMetadata(host: instance.host, os: instance.facts?.os.name), connections: instance.connections,
      version: instance.version, createdAt: instance.createdAt, updatedAt: instance.updatedAt)
  }

  /// - Parameter row: Of ``columns``.
  init(_ row: Row, in db: GRDB.Database) throws {
    resource = try Resource(column: row["resource"] as String)
    instance = try (row["instance"] as String?).map { try Instance(column: $0) }
    if row["deleted"] as Bool { resource.status = .deleted }
    let count = try Self.connectionCount(of: resource.id, in: db)
    resource.connections = count
    instance?.connections = count
    if resource.status == .deleted { instance?.status = .deleted }
  }

  private static func connectionCount(of id: String, in db: GRDB.Database) throws -> Int {
    let statement = try db.cachedStatement(
      sql: "SELECT COUNT(*) FROM connections WHERE (source = ?1 OR target = ?1) AND status <> 'disconnected'")
    return try Int.fetchOne(statement, arguments: [id]) ?? 0
  }

  // MARK: Finding

  /// - Parameter includingDeleted: Whether one that was deleted is found too, by its id.
  /// - Throws: `resource_not_found`; `resource_ambiguous` for a name that several have.
  static func fetch(
    _ reference: String, among type: ResourceType? = nil, includingDeleted: Bool = false, in db: GRDB.Database
  ) throws -> ResourceRow {
    let sql = """
      SELECT \(columns) FROM resources WHERE (id = ?1 AND (?2 OR NOT deleted)) OR (name = ?1 AND NOT deleted)
      """
    let rows = try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [reference, includingDeleted])
      .map { try ResourceRow($0, in: db) }
      .filter { type == nil || $0.resource.resourceType == type }
    if let exact = rows.first(where: { $0.resource.id == reference }) { return exact }
    if rows.count == 1 { return rows[0] }
    let isInstance = type == .instance
    guard rows.isEmpty else {
      throw ProtocolError(
        isInstance ? .instanceAmbiguous : .resourceAmbiguous,
        "\(rows.count) \(isInstance ? "instances" : "resources") are called \(reference). Use the id of one.",
        extra: ["ids": .array(rows.map { .string($0.resource.id) })])
    }
    throw ProtocolError(
      isInstance ? .instanceNotFound : .resourceNotFound,
      isInstance
        ? "There is no instance \(reference). `instance/list` tells which there are."
        : "There is no resource \(reference). `resource/list` tells which there are.")
  }

  /// The instance that the resource is.
  ///
  /// - Throws: `instance_not_found` where it is none.
  var asInstance: Instance {
    get throws {
      if let instance { return instance }
      throw ProtocolError(.instanceNotFound, "\(resource.name) is no instance. `instance/list` tells which there are.")
    }
  }

  // MARK: Writing

  func save(deleted: Bool = false, in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, status = excluded.status, deleted = excluded.deleted, resource = excluded.resource,
        instance = excluded.instance
        """)
    do {
      try statement.execute(
        arguments: [
          resource.id, resource.resourceType.rawValue, resource.project, resource.environment, resource.name,
          resource.status.rawValue, deleted, resource.jsonString, instance?.jsonString,
        ])
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
      throw ProtocolError(
        .alreadyExists, "Its environment has something called \(resource.name) already. Choose another name.")
    }
  }

  /// A name that nothing in an environment has, and that can be asked for.
  static func freeName(_ name: String, in environment: String, _ db: GRDB.Database) throws -> String {
    let sql = "SELECT 1 FROM resources WHERE environment = ? AND name = ? AND NOT deleted"
    let longest = 100
    return try Platform.freeName(String(name.prefix(longest)), separator: " ", maximumLength: longest) { candidate in
      try Bool.fetchOne(db, sql: sql, arguments: [environment, candidate]) != nil
    }
  }

  /// Refuses to delete what is connected.
  func checkUnconnected(in db: GRDB.Database) throws {
    let connections = try ConnectionRow.of(resource.id, in: db).map(\.connection)
    guard !connections.isEmpty else { return }
    let names = connections.map { $0.sourceResourceId == resource.id ? $0.targetName : $0.sourceName }
    throw ProtocolError(
      .resourceConnected,
      "\(resource.name) is connected with \(names.joined(separator: ", ")). Disconnect it first.",
      extra: ["connections": .array(connections.map { .string($0.id) })])
  }
}
