internal import BerthProtocol
internal import Foundation
internal import GRDB
internal import Storage

/// Snapshots as they are kept in the database, and how often each content is needed.
///
/// A manifest is needed by the snapshots that it describes, and a content by the manifests that name it: two snapshots of
/// an unchanged folder share one manifest, and cost no more than a row.
enum SnapshotTable {
  static let migrations = [
    Migration("snapshots.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE snapshot (
            id TEXT NOT NULL PRIMARY KEY,
            workspace TEXT NOT NULL,
            label TEXT,
            automatic INTEGER NOT NULL,
            includeIgnored INTEGER NOT NULL,
            files INTEGER NOT NULL,
            directories INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            storedBytes INTEGER NOT NULL,
            createdAt TEXT NOT NULL,
            manifest BLOB NOT NULL,
            manifestBytes INTEGER NOT NULL
          );
          CREATE INDEX snapshot_workspace ON snapshot (workspace, id);
          CREATE TABLE snapshot_manifest (id BLOB NOT NULL PRIMARY KEY, needed INTEGER NOT NULL) WITHOUT ROWID;
          CREATE TABLE snapshot_blob (
            id BLOB NOT NULL PRIMARY KEY, bytes INTEGER NOT NULL, needed INTEGER NOT NULL
          ) WITHOUT ROWID;
          CREATE TABLE snapshot_garbage (id BLOB NOT NULL PRIMARY KEY) WITHOUT ROWID;
          """)
    }
  ]

  /// A snapshot, and where its manifest is.
  struct Record {
    var snapshot: Snapshot
    var manifest: BlobID
    var manifestBytes: Int64
  }

  // MARK: Reading

  static func find(_ id: String, in db: GRDB.Database) throws -> Record? {
    try Row.fetchOne(db, sql: "SELECT * FROM snapshot WHERE id = ?", arguments: [id]).flatMap { record($0) }
  }

  static func count(in db: GRDB.Database) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM snapshot") ?? 0
  }

  /// Newest first.
  static func list(workspace: String, before: String?, limit: Int, in db: GRDB.Database) throws -> [Snapshot] {
    let rows = try Row.fetchAll(
      db, sql: "SELECT * FROM snapshot WHERE workspace = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
      arguments: [workspace, before, before, limit])
    return rows.compactMap { record($0)?.snapshot }
  }

  private static func record(_ row: Row) -> Record? {
    guard let manifest = blobID(row["manifest"]) else { return nil }
    return Record(
      snapshot: Snapshot(
        id: row["id"], workspace: row["workspace"], label: row["label"], automatic: row["automatic"],
        includeIgnored: row["includeIgnored"], files: row["files"], directories: row["directories"],
        bytes: row["bytes"], storedBytes: row["storedBytes"], createdAt: row["createdAt"]),
      manifest: manifest, manifestBytes: row["manifestBytes"])
  }

  private static func blobID(_ data: Data) -> BlobID? { BlobID(data) }

  // MARK: Adding

  /// Writes a snapshot down, and that its contents are needed.
  ///
  /// - Parameter blobs: Those that the manifest names, each with its size.
  static func insert(_ record: Record, blobs: @autoclosure () -> [BlobID: Int64], in db: GRDB.Database) throws {
    let snapshot = record.snapshot
    try db.execute(
      sql: "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        snapshot.id, snapshot.workspace, snapshot.label, snapshot.automatic, snapshot.includeIgnored, snapshot.files,
        snapshot.directories, snapshot.bytes, snapshot.storedBytes, snapshot.createdAt, data(record.manifest),
        record.manifestBytes,
      ])
    try db.execute(
      sql: "INSERT INTO snapshot_manifest VALUES (?, 1) ON CONFLICT DO UPDATE SET needed = needed + 1",
      arguments: [data(record.manifest)])
    let needed = try Int.fetchOne(
      db, sql: "SELECT needed FROM snapshot_manifest WHERE id = ?", arguments: [data(record.manifest)])
    if needed == 1 {
      let statement = try db.makeStatement(
        sql: "INSERT INTO snapshot_blob VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET needed = needed + 1")
      for (id, bytes) in blobs().sorted(by: { $0.key.shard < $1.key.shard }) {
        try statement.execute(arguments: [data(id), bytes])
      }
    }
    try db.execute(
      sql: """
        DELETE FROM snapshot_garbage
        WHERE id IN (SELECT id FROM snapshot_blob) OR id IN (SELECT id FROM snapshot_manifest)
        """)
  }

  // MARK: Deleting

  /// Strikes a snapshot out. What nothing needs any more is noted as garbage, to be removed once this is committed.
  ///
  /// - Parameter blobs: Those that the manifest names; asked for where no other snapshot has the same manifest.
  /// - Returns: How many bytes no other snapshot needs.
  static func delete(_ record: Record, blobs: () throws -> [BlobID], in db: GRDB.Database) throws -> Int {
    try db.execute(sql: "DELETE FROM snapshot WHERE id = ?", arguments: [record.snapshot.id])
    let manifest = data(record.manifest)
    try db.execute(sql: "UPDATE snapshot_manifest SET needed = needed - 1 WHERE id = ?", arguments: [manifest])
    try db.execute(sql: "DELETE FROM snapshot_manifest WHERE id = ? AND needed <= 0", arguments: [manifest])
    guard db.changesCount > 0 else { return 0 }
    try db.execute(sql: "INSERT OR IGNORE INTO snapshot_garbage VALUES (?)", arguments: [manifest])
    let statement = try db.makeStatement(sql: "UPDATE snapshot_blob SET needed = needed - 1 WHERE id = ?")
    for id in try blobs() { try statement.execute(arguments: [data(id)]) }
    try db.execute(sql: "INSERT OR IGNORE INTO snapshot_garbage SELECT id FROM snapshot_blob WHERE needed <= 0")
    let freed = try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(bytes), 0) FROM snapshot_blob WHERE needed <= 0")
    try db.execute(sql: "DELETE FROM snapshot_blob WHERE needed <= 0")
    return freed ?? 0
  }

  static func garbage(in db: GRDB.Database) throws -> [BlobID] {
    try Data.fetchAll(db, sql: "SELECT id FROM snapshot_garbage").compactMap { blobID($0) }
  }

  static func forgetGarbage(_ ids: [BlobID], in db: GRDB.Database) throws {
    let statement = try db.makeStatement(sql: "DELETE FROM snapshot_garbage WHERE id = ?")
    for id in ids { try statement.execute(arguments: [data(id)]) }
  }

  /// Which of some contents and manifests are needed.
  static func needed(among ids: [BlobID], in db: GRDB.Database) throws -> Set<BlobID> {
    let statement = try db.cachedStatement(
      sql: "SELECT 1 FROM snapshot_blob WHERE id = ?1 UNION ALL SELECT 1 FROM snapshot_manifest WHERE id = ?1")
    return Set(try ids.filter { try Row.fetchOne(statement, arguments: [data($0)]) != nil })
  }

  private static func data(_ id: BlobID) -> Data { Data(id.bytes) }
}
