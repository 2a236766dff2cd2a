import Streams
import Storage
import Synchronization
package import BerthProtocol
import GRDB
import Platform

/// Folders that are to be removed for good, and are out of everybody's sight already.
enum TrashTable {
  static func addRemoval(of path: String, in db: GRDB.Database) throws {
    try db.execute(sql: "INSERT OR IGNORE INTO workspace_removals (path) VALUES (?)", arguments: [path])
  }

  static func removals(in db: GRDB.Database) throws -> [String] {
    try String.fetchAll(db, sql: "SELECT path FROM workspace_removals ORDER BY path")
  }

  static func endRemoval(of path: String, in db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM workspace_removals WHERE path = ?", arguments: [path])
  }
}

extension WorkspaceService {
  /// Forgets deleted workspaces whose time is over, and removes what they left in the trash. The server calls it
  /// every few minutes.
  ///
  /// - Returns: The workspaces that are gone. What others keep of them, such as snapshots, is theirs to remove.
  @discardableResult
  package func purgeExpired() throws -> [Workspace] {
    let time = now()
    let keep = keepSeconds()
    let expired = reading { table in
      table.all.filter { record in record.restorableUntil(keepSeconds: keep).map { $0 <= time } ?? false }
    }
    let purged = try expired.sorted { $0.id < $1.id }.compactMap { record in
      try changing { () -> Workspace? in
        // Restored meanwhile.
        guard reading({ $0[record.id] }) == record else { return nil }
        return try forget(record.id, event: EventType.workspacePurged) { db in
          if let path = record.deletion?.trashPath { try TrashTable.addRemoval(of: path, in: db) }
        }
      }
    }
    removeFiles()
    return purged
  }

  /// Strikes a workspace out of the record altogether.
  @discardableResult
  func forget(
    _ id: String, event: String, also: (GRDB.Database) throws -> Void
  ) throws -> Workspace? {
    guard let record = reading({ $0[id] }) else { return nil }
    let workspace = describe(record)
    try database.write { db in
      db.afterNextTransaction { _ in self.state.withLock { $0.table.remove(id) } }
      try WorkspaceRecord.delete(id, in: db)
      try streams.record("events", type: event, payload: workspace, in: db)
      try also(db)
    }
    directories.withLock { $0.remove(id) }
    return workspace
  }

  /// Removes the folders that were given up. One that cannot be removed is tried again the next time.
  func removeFiles() {
    removing.withLock { _ in
      let paths = (try? database.read { db in try TrashTable.removals(in: db) }) ?? []
      for path in paths where (try? removeFolder(path)) != nil {
        try? database.write { db in try TrashTable.endRemoval(of: path, in: db) }
      }
    }
  }

  private func removeFolder(_ path: String) throws(SystemError) {
    guard let name = FileName(FolderPath.name(of: path)) else { return }
    do throws(SystemError) {
      try Directory(path: FolderPath.parent(of: path)).removeTree(name)
    } catch  where error.meansMissing {
      // Gone already.
    }
  }
}
