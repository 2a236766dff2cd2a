import BerthProtocol
import GRDB
import JSON

extension Project {
  /// - Parameter includingDeleted: Whether one that was deleted is found too, by its id.
  static func fetch(
    _ reference: String, includingDeleted: Bool = false, in db: GRDB.Database
  ) throws -> Project {
    let sql = """
      SELECT project FROM projects WHERE (id = ?1 AND (?2 OR NOT deleted)) OR (slug = ?1 AND NOT deleted)
      ORDER BY id <> ?1 LIMIT 1
      """
    guard let row = try String.fetchOne(db.cachedStatement(sql: sql), arguments: [reference, includingDeleted]) else {
      throw ProtocolError(
        .projectNotFound, "There is no project \(reference). `project/list` tells which there are.")
    }
    return try Project(column: row).counted(in: db)
  }

  /// With what it has today.
  func counted(in db: GRDB.Database) throws -> Project {
    var project = self
    project.environments =
      try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM environments WHERE project = ? AND NOT deleted", arguments: [id])
      ?? 0
    project.resources =
      try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM resources WHERE project = ? AND NOT deleted", arguments: [id])
      ?? 0
    return project
  }

  func save(deleted: Bool = false, in db: GRDB.Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO projects VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        slug = excluded.slug, name = excluded.name, deleted = excluded.deleted, project = excluded.project
        """
    ).execute(
      arguments: [id, slug, name, deleted, jsonString])
  }
}

extension ProjectEnvironment {
  static func fetch(_ reference: String?, of project: Project, in db: GRDB.Database) throws -> ProjectEnvironment {
    let sql =
      reference == nil
      ? "SELECT environment FROM environments WHERE NOT deleted AND project = ? AND is_default"
      : "SELECT environment FROM environments WHERE NOT deleted AND project = ? AND (id = ?2 OR slug = ?2) LIMIT 1"
    let arguments = StatementArguments([project.id] + (reference.map { [$0] } ?? []))
    guard let row = try String.fetchOne(db.cachedStatement(sql: sql), arguments: arguments) else {
      throw ProtocolError(
        .environmentNotFound,
        "The project \(project.slug) has no environment \(reference ?? "by default"). `environment/list` tells which "
          + "there are.")
    }
    return try ProjectEnvironment(column: row).counted(in: db)
  }

  func counted(in db: GRDB.Database) throws -> ProjectEnvironment {
    var environment = self
    environment.resources =
      try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM resources WHERE environment = ? AND NOT deleted", arguments: [id])
      ?? 0
    return environment
  }

  func save(deleted: Bool = false, in db: GRDB.Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO environments VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, deleted = excluded.deleted, environment = excluded.environment
        """
    ).execute(
      arguments: [id, project, slug, name, isDefault, deleted, jsonString])
  }
}
