import JSON
import Synchronization
package import BerthProtocol
import GRDB
import Platform

extension WorkspaceService {
  /// Deletes a workspace and disposes of its files.
  ///
  /// A folder that goes is first renamed: into the home's trash, or beside itself as `.berth-trash-<id>` where that
  /// is on another file system. The rename is one step; what it takes along, it takes whole.
  package func delete(_ params: WorkspaceDelete.Params) throws -> WorkspaceDelete.Result {
    let workspace = try changing {
      let before = try record(params.workspace)
      try Self.check(before, version: params.ifVersion)
      try checkIdle(before)
      var record = before
      record.state = .deleted
      record.version += 1
      record.updatedAt = timestamp()
      record.incoming = nil
      record.deletion = WorkspaceRecord.Deletion(
        at: record.updatedAt, stateBefore: before.state, trashPath: nil, filesDeleted: false)
      let disposal = params.files ?? (before.isManaged ? .trash : .keep)
      guard disposal != .keep, let folder = try folderToMove(of: before, isExplicit: params.files != nil) else {
        return try commit(record, event: EventType.workspaceDeleted)
      }
      return try movingFolder(of: before, to: trashPath(for: before, folder), orElse: besidePath(for: before)) { path in
        if disposal == .trash {
          record.deletion?.trashPath = path
        } else {
          record.deletion?.filesDeleted = true
        }
        return try commit(record, event: EventType.workspaceDeleted) { db, _ in
          if disposal == .delete { try TrashTable.addRemoval(of: path, in: db) }
        }
      }
    }
    directories.withLock { $0.remove(workspace.id) }
    if workspace.filesDeleted { inBackground { self.removeFiles() } }
    return workspace
  }

  /// The folder of a workspace that is to go; nil where there is none to move.
  private func folderToMove(of record: WorkspaceRecord, isExplicit: Bool) throws -> FolderLook? {
    switch record.folderState() {
    case .missing: return nil
    case .replaced:
      // Somebody else's folder. Who asked for it to go must know; who did not ask loses nothing.
      guard isExplicit else { return nil }
      throw ProtocolError(
        .invalidArgument,
        "Another folder stands at \(record.path) than that of the workspace `\(record.slug)`, and is not touched. "
          + "Delete the workspace with `files: keep`.")
    case .inaccessible: throw ProtocolError.folderUnusable(record, .inaccessible)
    case .present: break
    }
    let look = try FolderLook.at(record.path)
    try rules.checkMayBeMoved(record.path, look)
    let inner = reading { table in
      table.living.first { $0.id != record.id && FolderPath.contains(record.path, $0.path) }
    }
    if let inner {
      throw ProtocolError(
        .invalidArgument,
        "The folder \(record.path) holds the workspace `\(inner.slug)` too. Delete that one first, or this one with "
          + "`files: keep`.",
        extra: ["workspace": .string(inner.id)])
    }
    return look
  }

  /// Where a folder goes: into the home's trash, where a rename can put it there.
  private func trashPath(for record: WorkspaceRecord, _ folder: FolderLook) throws -> String {
    var made = MadeFolders()
    try made.make(rules.trash, permissions: 0o700)
    let isNear = try FolderLook.at(rules.trash).identity.device == folder.identity.device
    return isNear ? FolderPath.join(rules.trash, record.id) : besidePath(for: record)
  }

  private func besidePath(for record: WorkspaceRecord) -> String {
    FolderPath.join(FolderPath.parent(of: record.path), ".berth-trash-\(record.id)")
  }
}
