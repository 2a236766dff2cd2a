package import BerthProtocol
import GRDB
import JSON
import Platform

/// `environment/*`.
extension ProjectService {
  package func create(_ params: EnvironmentCreate.Params) throws -> EnvironmentCreated {
    let (id, created) = try store.once(EnvironmentCreate.description.name, params.idempotencyKey, params) { db in
      let project = try Project.fetch(params.project, in: db)
      return try make(
        environment: params.name, description: params.description, isDefault: false, of: project, in: db
      ).id
    }
    let environment = try store.read { db in
      // Also where it was deleted since.
      try String.fetchOne(db, sql: "SELECT environment FROM environments WHERE id = ?", arguments: [id])
        .map { try ProjectEnvironment(column: $0).counted(in: db) }
    }
    guard let environment else { throw ProtocolError(.environmentNotFound, "There is no environment \(id).") }
    return EnvironmentCreated(environment: environment, created: created)
  }

  func make(
    environment name: String, description: String?, isDefault: Bool, of project: Project, in db: GRDB.Database
  ) throws -> ProjectEnvironment {
    let slug = ProjectSlug.make(from: name)
    let sql = "SELECT 1 FROM environments WHERE project = ? AND slug = ? AND NOT deleted"
    guard try Bool.fetchOne(db, sql: sql, arguments: [project.id, slug]) == nil else {
      throw ProtocolError(
        .alreadyExists, "The project \(project.slug) has an environment \(slug) already. Choose another name.")
    }
    let now = Timestamp.now()
    let environment = ProjectEnvironment(
      id: Identifier.make("env"), project: project.id, name: name, slug: slug, description: description,
      isDefault: isDefault, resources: 0, version: 1, createdAt: now, updatedAt: now)
    try environment.save(in: db)
    try store.tell(EventType.environmentCreated, environment, in: db)
    return environment
  }

  package func list(_ params: EnvironmentList.Params) throws -> ProjectEnvironments {
    try store.read { db in
      let project = try Project.fetch(params.project, in: db)
      let sql = """
        SELECT environment FROM environments WHERE project = ? AND NOT deleted ORDER BY is_default DESC, name, id
        """
      let rows = try String.fetchAll(db, sql: sql, arguments: [project.id])
      return ProjectEnvironments(environments: try rows.map { try ProjectEnvironment(column: $0).counted(in: db) })
    }
  }

  package func get(_ params: EnvironmentGet.Params) throws -> ProjectEnvironment {
    try store.read { db in
      try ProjectEnvironment.fetch(params.environment, of: Project.fetch(params.project, in: db), in: db)
    }
  }

  package func delete(_ params: EnvironmentDelete.Params) throws -> ProjectEnvironment {
    try store.write { db in
      let project = try Project.fetch(params.project, in: db)
      let environment = try ProjectEnvironment.fetch(params.environment, of: project, in: db)
      guard !environment.isDefault else {
        throw ProtocolError(
          .invalidArgument, "The environment \(environment.slug) is the default of its project, and stays.")
      }
      try Self.checkEmpty("environment \(environment.slug)", column: "environment", id: environment.id, in: db)
      try environment.save(deleted: true, in: db)
      try store.tell(EventType.environmentDeleted, environment, in: db)
      return environment
    }
  }
}
