package import BerthProtocol
internal import GRDB
internal import JSON
internal import Storage
internal import Streams

extension SnapshotService {
  /// `snapshot/delete`: the snapshot is struck out, and then every content that nothing needs any more is removed.
  package func delete(_ params: SnapshotDelete.Params) throws -> SnapshotDelete.Result {
    let deleted = try strikeOut(try record(params.snapshot))
    try removeGarbage()
    return deleted
  }

  /// Deletes every snapshot of a workspace that is gone for good.
  package func deleteAll(ofWorkspace id: String) throws {
    while true {
      let snapshots = try database.read { db in
        try SnapshotTable.list(workspace: id, before: nil, limit: 100, in: db)
      }
      if snapshots.isEmpty { break }
      for snapshot in snapshots { _ = try strikeOut(try record(snapshot.id)) }
    }
    forgetKnownFiles(of: id)
    try removeGarbage()
  }

  private func strikeOut(_ record: SnapshotTable.Record) throws -> SnapshotDeleted {
    // Read before the transaction, which nobody else waits for then; where it is damaged, its contents stay.
    let ids = (try? manifest(of: record))?.blobs.keys.map { $0 } ?? []
    return try database.write { db in
      guard try SnapshotTable.find(record.snapshot.id, in: db) != nil else {
        throw ProtocolError(.snapshotNotFound, "The snapshot `\(record.snapshot.id)` was deleted by another call.")
      }
      let freed = try SnapshotTable.delete(record, blobs: { ids }, in: db)
      let deleted = SnapshotDeleted(snapshot: record.snapshot.id, freedBytes: freed)
      try streams.record("events", type: EventType.snapshotDeleted, payload: deleted, in: db)
      return deleted
    }
  }

  /// Removes what was noted as garbage. What a running snapshot has touched stays noted, unless that one needs it.
  private func removeGarbage() throws {
    let garbage = try database.read { db in try SnapshotTable.garbage(in: db) }
    if garbage.isEmpty { return }
    let gone = try removeUnneeded(garbage)
    try database.write { db in try SnapshotTable.forgetGarbage(gone, in: db) }
  }

  private func removeUnneeded(_ ids: [BlobID]) throws -> [BlobID] {
    try blobs.remove(ids) { batch in
      try database.read { db in try SnapshotTable.needed(among: batch, in: db) }
    }
  }

  /// Finishes what a server that died had begun: removes garbage, and contents of a snapshot that was broken off. Call
  /// it once, before any job starts.
  package func recover() throws {
    if try blobs.clearTemporary() {
      for shard in UInt8.min...UInt8.max {
        _ = try removeUnneeded(try blobs.all(inShard: shard))
      }
    }
    try removeGarbage()
  }
}
