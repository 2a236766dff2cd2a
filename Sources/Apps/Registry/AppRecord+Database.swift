import BerthProtocol
import Foundation
import GRDB
import JSON
import Platform
package import Storage
import Supervisor

extension AppService {
  package static let migrations =
    [
      Migration("apps.create") { db in
        try db.execute(
          sql: """
            CREATE TABLE apps (
              id TEXT PRIMARY KEY NOT NULL,
              workspace TEXT NOT NULL,
              app TEXT NOT NULL,
              name TEXT NOT NULL,
              folder TEXT NOT NULL,
              manifest_file TEXT NOT NULL,
              manifest TEXT NOT NULL,
              desired TEXT NOT NULL,
              env TEXT NOT NULL,
              secrets BLOB NOT NULL,
              build_state TEXT NOT NULL,
              build_digest TEXT,
              build_job TEXT,
              build_ended_at TEXT,
              build_message TEXT,
              state TEXT NOT NULL,
              reason TEXT,
              message TEXT,
              since TEXT NOT NULL,
              started_at TEXT,
              restarts INTEGER NOT NULL,
              last_exit TEXT,
              boot TEXT NOT NULL,
              version INTEGER NOT NULL,
              created_at TEXT NOT NULL,
              updated_at TEXT NOT NULL
            ) WITHOUT ROWID
            """)
        try db.execute(sql: "CREATE UNIQUE INDEX apps_app ON apps (workspace, app)")
        try db.execute(sql: "CREATE UNIQUE INDEX apps_folder ON apps (workspace, folder)")
      }
    ] + PortLeases.migrations
}

extension AppRecord {
  private static let columns = [
    "id", "workspace", "app", "name", "folder", "manifest_file", "manifest", "desired", "env", "secrets",
    "build_state", "build_digest", "build_job", "build_ended_at", "build_message", "state", "reason", "message",
    "since", "started_at", "restarts", "last_exit", "boot", "version", "created_at", "updated_at",
  ]

  private static let upsert = """
    INSERT INTO apps (\(columns.joined(separator: ", ")))
    VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
    ON CONFLICT (id) DO UPDATE SET \(columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
    """

  static func all(_ db: GRDB.Database, box: SecretBox) throws -> [AppRecord] {
    let rows = try Row.fetchCursor(db, sql: "SELECT \(columns.joined(separator: ", ")) FROM apps ORDER BY id")
    var records: [AppRecord] = []
    while let row = try rows.next() { records.append(try AppRecord(row, box: box)) }
    return records
  }

  func save(_ db: GRDB.Database, box: SecretBox) throws {
    let values: [(any DatabaseValueConvertible)?] = [
      id, workspace, app, name, folder, manifestFile, manifestText, desired.rawValue, env.jsonString,
      Data(try box.seal(Array(secrets.jsonString.utf8), context: id)), build.state.rawValue, build.digest, build.job,
      build.endedAt, build.message, observed.state.rawValue, observed.reason?.rawValue, observed.message, since,
      observed.startedAt, observed.restarts, observed.lastExit?.jsonString, boot, version, createdAt, updatedAt,
    ]
    try db.cachedStatement(sql: Self.upsert).execute(arguments: StatementArguments(values))
  }

  func delete(_ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "DELETE FROM apps WHERE id = ?").execute(arguments: [id])
  }

  private init(_ row: Row, box: SecretBox) throws {
    let id: String = row["id"]
    self.id = id
    workspace = row["workspace"]
    app = row["app"]
    name = row["name"]
    folder = row["folder"]
    manifestFile = row["manifest_file"]
    manifestText = row["manifest"]
    manifest = ManifestFile.read(Array(manifestText.utf8), name: manifestFile).manifest
    desired = AppDesired(rawValue: row["desired"]) ?? .stopped
    env = try Decoding.decode([String: String].self, from: JSONParser.parse(row["env"] as String))
    // With another key they can't be read, and have to be given anew: what needs them says so.
    let opened = try? box.open(Array(row["secrets"] as Data), context: id)
    secrets = try opened.map { try Decoding.decode([String: String].self, from: JSONParser.parse($0)) } ?? [:]
    build = Build(
      state: BuildState(rawValue: row["build_state"]) ?? .needed, digest: row["build_digest"], job: row["build_job"],
      endedAt: row["build_ended_at"], message: row["build_message"])
    // The job that ran it has gone with its server.
    if build.state == .running { build.state = .needed }
    observed.state = AppState(rawValue: row["state"]) ?? .stopped
    observed.reason = (row["reason"] as String?).flatMap { AppReason(rawValue: $0) }
    observed.message = row["message"]
    observed.startedAt = row["started_at"]
    observed.restarts = row["restarts"]
    observed.lastExit = try (row["last_exit"] as String?).map {
      try Decoding.decode(AppExit.self, from: JSONParser.parse($0))
    }
    since = row["since"]
    boot = row["boot"]
    version = row["version"]
    createdAt = row["created_at"]
    updatedAt = row["updated_at"]
  }
}
