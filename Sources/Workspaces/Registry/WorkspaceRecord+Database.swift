import BerthProtocol
import GRDB
import JSON
import Platform
package import Storage

extension WorkspaceService {
  /// The tables of workspaces and of their trash.
  package static let migrations = [
    Migration("workspaces.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE workspaces (
            id TEXT PRIMARY KEY NOT NULL,
            key TEXT,
            slug TEXT NOT NULL,
            name TEXT NOT NULL,
            path TEXT NOT NULL,
            managed INTEGER NOT NULL,
            state TEXT NOT NULL,
            labels TEXT NOT NULL,
            metadata TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            device INTEGER NOT NULL,
            inode INTEGER NOT NULL,
            birth INTEGER NOT NULL,
            incoming_device INTEGER,
            incoming_inode INTEGER,
            incoming_birth INTEGER,
            deleted_at TEXT,
            state_before TEXT,
            trash_path TEXT,
            files_deleted INTEGER NOT NULL,
            move_from TEXT,
            move_to TEXT
          ) WITHOUT ROWID
          """)
      try db.execute(sql: "CREATE UNIQUE INDEX workspaces_key ON workspaces (key) WHERE state <> 'deleted'")
      try db.execute(sql: "CREATE UNIQUE INDEX workspaces_slug ON workspaces (slug) WHERE state <> 'deleted'")
    },
    Migration("workspaces.removals") { db in
      // Folders that no one will ask for again, until the last of their files is gone.
      try db.execute(sql: "CREATE TABLE workspace_removals (path TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID")
    },
  ]
}

extension WorkspaceRecord {
  private static let columns = [
    "id", "key", "slug", "name", "path", "managed", "state", "labels", "metadata", "version", "created_at",
    "updated_at", "device", "inode", "birth", "incoming_device", "incoming_inode", "incoming_birth", "deleted_at",
    "state_before", "trash_path", "files_deleted", "move_from", "move_to",
  ]

  private static let upsert = """
    INSERT INTO workspaces (\(columns.joined(separator: ", ")))
    VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
    ON CONFLICT (id) DO UPDATE SET \(columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
    """

  /// Every workspace of the database.
  static func all(_ db: GRDB.Database) throws -> [WorkspaceRecord] {
    let rows = try Row.fetchCursor(db, sql: "SELECT \(columns.joined(separator: ", ")) FROM workspaces ORDER BY id")
    var records: [WorkspaceRecord] = []
    while let row = try rows.next() { records.append(try WorkspaceRecord(row)) }
    return records
  }

  /// Writes the workspace in place of the one of its id.
  func save(_ db: GRDB.Database) throws {
    let values: [(any DatabaseValueConvertible)?] = [
      id, key, slug, name, path, isManaged, state.rawValue, labels.jsonString, metadata.jsonString, version, createdAt,
      updatedAt, folder.device, folder.inode, folder.birth, incoming?.device, incoming?.inode, incoming?.birth,
      deletion?.at, deletion?.stateBefore.rawValue, deletion?.trashPath, deletion?.filesDeleted ?? false, move?.from,
      move?.to,
    ]
    try db.cachedStatement(sql: Self.upsert).execute(arguments: StatementArguments(values))
  }

  static func delete(_ id: String, in db: GRDB.Database) throws {
    try db.cachedStatement(sql: "DELETE FROM workspaces WHERE id = ?").execute(arguments: [id])
  }

  private init(_ row: Row) throws {
    id = row["id"]
    key = row["key"]
    slug = row["slug"]
    name = row["name"]
    path = row["path"]
    isManaged = row["managed"]
    state = WorkspaceState(rawValue: row["state"]) ?? .active
    labels = try Decoding.decode([String: String].self, from: JSONParser.parse(row["labels"] as String))
    metadata = try Decoding.decode(JSONObject.self, from: JSONParser.parse(row["metadata"] as String))
    version = row["version"]
    createdAt = row["created_at"]
    updatedAt = row["updated_at"]
    folder = FolderIdentity(device: row["device"], inode: row["inode"], birth: row["birth"])
    if let device = row["incoming_device"] as Int64?, let inode = row["incoming_inode"] as Int64?,
      let birth = row["incoming_birth"] as Int64?
    {
      incoming = FolderIdentity(device: device, inode: inode, birth: birth)
    }
    if state == .deleted {
      deletion = Deletion(
        at: row["deleted_at"] ?? updatedAt, stateBefore: WorkspaceState(rawValue: row["state_before"] ?? "") ?? .active,
        trashPath: row["trash_path"], filesDeleted: row["files_deleted"])
    }
    if let from = row["move_from"] as String?, let to = row["move_to"] as String? { move = Move(from: from, to: to) }
  }
}
