package import BerthProtocol
import GRDB
import JSON
import Platform

/// `resource/*`.
extension ProjectService {
  // MARK: Making

  package func createRuntime(_ params: ResourceCreateRuntime.Params) throws -> ResourceCreated {
    let metadata = try catalog.metadata(params.runtimeId, server: params.applicationServer)
    return try create(
      ResourceCreateRuntime.description.name, params.idempotencyKey, params,
      place: (params.project, params.environment), name: params.name,
      otherwise: metadata.runtimeDisplayName ?? params.runtimeId, type: .runtime, metadata: metadata,
      position: params.position)
  }

  package func createTerminal(_ params: ResourceCreateTerminal.Params) throws -> ResourceCreated {
    try create(
      ResourceCreateTerminal.description.name, params.idempotencyKey, params,
      place: (params.project, params.environment), name: params.name, otherwise: "Terminal", type: .terminal,
      metadata: ResourceMetadata(), position: params.position)
  }

  private func create(
    _ method: String, _ key: String?, _ params: some JSONEncodable, place: (String?, String?), name: String?,
    otherwise: String, type: ResourceType, metadata: ResourceMetadata, position: Position?
  ) throws -> ResourceCreated {
    let (id, created) = try store.once(method, key, params) { db in
      let (project, environment) = try self.place(place.0, place.1, in: db)
      let now = Timestamp.now()
      let row = ResourceRow(
        Resource(
          id: Identifier.make("res"), name: try name ?? ResourceRow.freeName(otherwise, in: environment.id, db),
          resourceType: type, status: .ready, project: project.id, environment: environment.id,
          position: position ?? Position(x: 0, y: 0), metadata: metadata, connections: 0, version: 1, createdAt: now,
          updatedAt: now))
      try row.save(in: db)
      try store.tell(EventType.resourceCreated, row.resource, in: db)
      return row.resource.id
    }
    return ResourceCreated(resource: try find(id, includingDeleted: true).resource, created: created)
  }

  // MARK: Reading

  func find(_ reference: String, type: ResourceType? = nil, includingDeleted: Bool = false) throws -> ResourceRow {
    try store.read { db in
      try ResourceRow.fetch(reference, among: type, includingDeleted: includingDeleted, in: db)
    }
  }

  package func get(_ params: ResourceGet.Params) throws -> ResourceDetail { try detail(params.resource) }

  package func getRuntime(_ params: ResourceGetRuntime.Params) throws -> ResourceDetail {
    try detail(params.resource, type: .runtime)
  }

  private func detail(_ reference: String, type: ResourceType? = nil) throws -> ResourceDetail {
    try store.read { db in
      let resource = try ResourceRow.fetch(reference, among: type, in: db).resource
      return ResourceDetail(
        resource: resource, connections: try ConnectionRow.of(resource.id, in: db).map(\.connection))
    }
  }

  package func list(_ params: ResourceList.Params) throws -> ResourcePage {
    try store.read { db in
      let place = try filter(params.project, params.environment, in: db)
      var conditions = params.includeDeleted ? ["TRUE"] : ["NOT deleted"]
      var arguments: StatementArguments = []
      func add(_ condition: String, _ value: String) {
        conditions.append(condition)
        arguments += [value]
      }
      if let project = place.project { add("project = ?", project) }
      if let environment = place.environment { add("environment = ?", environment) }
      if let search = params.search { add("instr(lower(name), lower(?)) > 0", search) }
      if let connected = params.connected {
        conditions.append(
          """
          \(connected ? "" : "NOT ")EXISTS (SELECT 1 FROM connections AS c
            WHERE (c.source = resources.id OR c.target = resources.id) AND c.status <> 'disconnected')
          """)
      }
      let counts = try Row.fetchAll(
        db,
        sql:
          "SELECT type, COUNT(*) FROM resources WHERE \(conditions.joined(separator: " AND ")) GROUP BY type ORDER BY type",
        arguments: arguments
      ).compactMap { row in
        ResourceType(rawValue: row[0]).map { ResourceCount(resourceType: $0, count: row[1]) }
      }
      if let types = params.types {
        conditions.append("type IN (\(databaseQuestionMarks(count: types.count)))")
        arguments += StatementArguments(types.map(\.rawValue))
      }
      if let cursor = params.cursor {
        try NamedPage.check(cursor, of: "resources", ResourceList.description.name, in: db)
        add(NamedPage.condition("resources"), cursor)
      }
      arguments += [params.limit + 1]
      let sql = """
        SELECT \(ResourceRow.columns) FROM resources WHERE \(conditions.joined(separator: " AND "))
        ORDER BY name, id LIMIT ?
        """
      let rows = try Row.fetchAll(db, sql: sql, arguments: arguments).map { try ResourceRow($0, in: db).resource }
      let page = NamedPage(limit: params.limit).cut(rows) { $0.id }
      return ResourcePage(
        resources: page.rows, counts: counts.filter { params.types?.contains($0.resourceType) ?? true },
        nextCursor: page.next)
    }
  }

  // MARK: Changing

  package func update(_ params: ResourceUpdate.Params) throws -> Resource {
    try change(params.resource) { row in
      try Self.check(params.ifVersion, row.resource.version, "resource \(row.resource.name)")
      if let name = params.name {
        row.resource.name = name
        row.instance?.name = name
      }
      guard params.runtimeId != nil || params.applicationServer != nil else { return }
      let metadata = row.resource.metadata
      guard row.resource.resourceType == .runtime, let id = metadata.runtimeId else {
        throw ProtocolError(
          .invalidArgument,
          "\(row.resource.name) is a resource of type \(row.resource.resourceType.rawValue), which "
            + "has no runtime.")
      }
      let runtime = try catalog.runtime(params.runtimeId ?? id)
      guard runtime.name == metadata.runtimeName else {
        throw ProtocolError(
          .invalidArgument,
          "\(row.resource.name) is \(metadata.runtimeName ?? "something else"), and \(runtime.id) is not. Create another "
            + "resource for it.")
      }
      let server = params.applicationServer ?? metadata.applicationServer ?? ""
      row.resource.metadata = try catalog.metadata(runtime.id, server: server.isEmpty ? nil : server)
    }
  }

  private func change(_ reference: String, _ body: (inout ResourceRow) throws -> Void) throws -> Resource {
    try store.write { db in
      var row = try ResourceRow.fetch(reference, in: db)
      try body(&row)
      try save(&row, in: db)
      return row.resource
    }
  }

  /// Writes a resource that has changed, and tells of it.
  func save(_ row: inout ResourceRow, in db: GRDB.Database) throws {
    if var instance = row.instance {
      instance.version += 1
      instance.updatedAt = Timestamp.now()
      row = ResourceRow(instance)
      try store.tell(EventType.instanceUpdated, instance, in: db)
    } else {
      row.resource.version += 1
      row.resource.updatedAt = Timestamp.now()
      try store.tell(EventType.resourceUpdated, row.resource, in: db)
    }
    try row.save(in: db)
  }

  package func setPosition(_ params: ResourceSetPosition.Params) throws -> ResourcePositions {
    try store.write { db in
      let resources = try params.positions.map { place in
        var row = try ResourceRow.fetch(place.resource, in: db)
        row.resource.position = place.position
        row.instance?.position = place.position
        try save(&row, in: db)
        return row.resource
      }
      return ResourcePositions(resources: resources)
    }
  }

  // MARK: Deleting

  package func deleteRuntime(_ params: ResourceDeleteRuntime.Params) throws -> Resource {
    try delete(params.resource, type: .runtime)
  }

  package func delete(_ params: ResourceDelete.Params) throws -> Resource {
    try delete(params.resource, type: nil)
  }

  private func delete(_ reference: String, type: ResourceType?) throws -> Resource {
    try store.write { db in
      var row = try ResourceRow.fetch(reference, among: type, in: db)
      guard row.resource.resourceType != .instance else {
        throw ProtocolError(.invalidArgument, "\(row.resource.name) is an instance. Delete it with `instance/delete`.")
      }
      try row.checkUnconnected(in: db)
      try row.save(deleted: true, in: db)
      row.resource.status = .deleted
      try store.tell(EventType.resourceDeleted, row.resource, in: db)
      return row.resource
    }
  }
}

extension CatalogService {
  /// What a resource tells of a runtime of the catalog, and of the application server that goes with it.
  func metadata(_ id: String, server: String?) throws -> ResourceMetadata {
    let runtime = try runtime(id)
    return ResourceMetadata(
      runtimeId: runtime.id, runtimeName: runtime.name, runtimeVersion: runtime.runtimeVersion,
      runtimeDisplayName: runtime.displayName,
      applicationServer: try server.map { try self.server($0, of: runtime.name).name })
  }
}
