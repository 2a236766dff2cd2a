package import BerthProtocol
import GRDB
import JSON
import Platform

/// Projects and their environments, and the resources in them.
package final class ProjectService: Sendable {
  let store: ProvisioningStore
  let catalog: CatalogService

  init(store: ProvisioningStore, catalog: CatalogService) {
    self.store = store
    self.catalog = catalog
  }

  // MARK: Projects

  package func create(_ params: ProjectCreate.Params) throws -> ProjectCreated {
    let (id, created) = try store.once(ProjectCreate.description.name, params.idempotencyKey, params) { db in
      try make(name: params.name, slug: params.slug, description: params.description, in: db).id
    }
    let project = try store.read { db in try Project.fetch(id, includingDeleted: true, in: db) }
    return ProjectCreated(project: project, created: created)
  }

  private func make(
    name: String, slug: String?, description: String?, in db: GRDB.Database
  ) throws -> Project {
    if let slug, try Self.isTaken(slug, in: db) { throw Self.slugTaken(slug) }
    let slug =
      try slug
      ?? freeName(ProjectSlug.make(from: name), maximumLength: ProjectSlug.maximumLength) {
        try Self.isTaken($0, in: db)
      }
    let now = Timestamp.now()
    let project = Project(
      id: Identifier.make("prj"), name: name, slug: slug, description: description, environments: 1, resources: 0,
      version: 1, createdAt: now, updatedAt: now)
    try project.save(in: db)
    try store.tell(EventType.projectCreated, project, in: db)
    _ = try make(environment: "master", description: nil, isDefault: true, of: project, in: db)
    return project
  }

  package func list(_ params: ProjectList.Params) throws -> ProjectPage {
    try store.read { db in
      var conditions = "NOT deleted"
      var arguments: StatementArguments = []
      if let cursor = params.cursor {
        try NamedPage.check(cursor, of: "projects", ProjectList.description.name, in: db)
        conditions += " AND \(NamedPage.condition("projects"))"
        arguments += [cursor]
      }
      arguments += [params.limit + 1]
      let rows = try String.fetchAll(
        db, sql: "SELECT project FROM projects WHERE \(conditions) ORDER BY name, id LIMIT ?", arguments: arguments)
      let page = NamedPage(limit: params.limit).cut(try rows.map { try Project(column: $0).counted(in: db) }) { $0.id }
      return ProjectPage(projects: page.rows, nextCursor: page.next)
    }
  }

  package func get(_ params: ProjectGet.Params) throws -> Project {
    try store.read { db in try Project.fetch(params.project, in: db) }
  }

  package func update(_ params: ProjectUpdate.Params) throws -> Project {
    try store.write { db in
      var project = try Project.fetch(params.project, in: db)
      try Self.check(params.ifVersion, project.version, "project \(project.slug)")
      if let slug = params.slug, slug != project.slug {
        if try Self.isTaken(slug, in: db) { throw Self.slugTaken(slug) }
        project.slug = slug
      }
      project.name = params.name ?? project.name
      project.description = params.description ?? project.description
      project.version += 1
      project.updatedAt = Timestamp.now()
      try project.save(in: db)
      try store.tell(EventType.projectUpdated, project, in: db)
      return project
    }
  }

  package func delete(_ params: ProjectDelete.Params) throws -> Project {
    try store.write { db in
      let project = try Project.fetch(params.project, in: db)
      try Self.checkEmpty("project \(project.slug)", column: "project", id: project.id, in: db)
      try project.save(deleted: true, in: db)
      try db.execute(sql: "UPDATE environments SET deleted = TRUE WHERE project = ?", arguments: [project.id])
      try store.tell(EventType.projectDeleted, project, in: db)
      return project
    }
  }

  // MARK: Where new things go

  /// The project that is taken where none is named.
  private static let defaultProject = "default"

  /// The project and the environment that something new belongs to; the default ones are made where they are missing.
  func place(_ project: String?, _ environment: String?, in db: GRDB.Database) throws -> (Project, ProjectEnvironment) {
    let found: Project
    do {
      found = try Project.fetch(project ?? Self.defaultProject, in: db)
    } catch let error as ProtocolError where error.type == .projectNotFound && project == nil {
      found = try make(name: "Default", slug: Self.defaultProject, description: nil, in: db)
    }
    return (found, try ProjectEnvironment.fetch(environment, of: found, in: db))
  }

  /// The ids that a list is narrowed to.
  func filter(
    _ project: String?, _ environment: String?, in db: GRDB.Database
  ) throws -> (project: String?, environment: String?) {
    guard let project else {
      guard environment == nil else {
        throw ProtocolError(.invalidArgument, "An environment belongs to a project. Name the project too.")
      }
      return (nil, nil)
    }
    let found = try Project.fetch(project, in: db)
    return (found.id, try environment.map { try ProjectEnvironment.fetch($0, of: found, in: db).id })
  }

  // MARK: Rules

  private static func isTaken(_ slug: String, in db: GRDB.Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT 1 FROM projects WHERE slug = ? AND NOT deleted", arguments: [slug]) ?? false
  }

  private static func slugTaken(_ slug: String) -> ProtocolError {
    ProtocolError(.alreadyExists, "There is a project with the slug \(slug) already. Choose another one.")
  }

  static func check(_ wanted: Int?, _ version: Int, _ what: String) throws {
    guard let wanted, wanted != version else { return }
    throw ProtocolError(
      .versionConflict, "The \(what) has version \(version), not \(wanted). Read it again, and repeat the change.",
      extra: ["version": .integer(version)])
  }

  /// Refuses to delete what resources are in.
  static func checkEmpty(_ what: String, column: String, id: String, in db: GRDB.Database) throws {
    let sql = "SELECT name FROM resources WHERE \(column) = ? AND NOT deleted ORDER BY name LIMIT 20"
    let names = try String.fetchAll(db, sql: sql, arguments: [id])
    guard !names.isEmpty else { return }
    throw ProtocolError(
      .notEmpty, "The \(what) has \(names.joined(separator: ", ")) in it. Delete them first.",
      extra: ["resources": .array(names.map { .string($0) })])
  }
}
