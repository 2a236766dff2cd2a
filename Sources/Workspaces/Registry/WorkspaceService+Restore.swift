import JSON
import Synchronization
package import BerthProtocol
import GRDB
import Platform

extension WorkspaceService {
  /// Brings a deleted workspace back to the state it had, with its files from the trash.
  ///
  /// Files that were kept are where they are; with `path`, the workspace is pointed at that folder. Files that were
  /// deleted for good are gone; an empty folder is made in their place.
  package func restore(_ params: WorkspaceRestore.Params) throws -> WorkspaceRestore.Result {
    try changing {
      let before = try deletedRecord(params.workspace)
      guard let deletion = before.deletion else {
        throw ProtocolError.workspaceNotFound(params.workspace, deleted: nil)
      }
      var record = before
      record.state = deletion.stateBefore
      record.deletion = nil
      record.version += 1
      record.updatedAt = timestamp()
      if let key = record.key, let holder = reading({ $0.holder(ofKey: key) }) {
        throw ProtocolError.keyTaken(key, by: holder)
      }
      record.slug = Slug.unique(record.slug) { slug in reading { $0.isSlugTaken(slug) } }
      if let trashPath = deletion.trashPath {
        return try restoreFromTrash(record, deleted: before, trashPath: trashPath, to: params.path)
      }
      if deletion.filesDeleted {
        return try restoreEmpty(&record, at: params.path ?? record.path)
      }
      if let path = params.path {
        try point(&record, to: path)
      } else {
        try checkNotShared(record.path, record.folder, except: record.id)
      }
      return try commit(record, event: EventType.workspaceRestored)
    }
  }

  private func deletedRecord(_ reference: String) throws -> WorkspaceRecord {
    let (living, deleted) = state.withLock { state in
      let found = state.table.find(reference)
      return found?.state == .deleted ? (nil, found) : (found, state.table.findDeleted(reference))
    }
    // A name may belong to a living workspace by now; the deleted one is then meant by its id only.
    if let living {
      throw ProtocolError(
        .invalidArgument,
        deleted == nil
          ? "The workspace `\(living.slug)` is not deleted."
          : "`\(reference)` is a workspace that lives. Name the deleted one by its id.",
        extra: ["workspace": .string(deleted?.id ?? living.id)])
    }
    guard let deleted, deleted.restorableUntil(keepSeconds: keepSeconds()).map({ $0 > now() }) == true else {
      throw ProtocolError.workspaceNotFound(reference, deleted: nil)
    }
    return deleted
  }

  private func restoreFromTrash(
    _ restored: WorkspaceRecord, deleted: WorkspaceRecord, trashPath: String, to target: String?
  ) throws -> Workspace {
    var record = restored
    let path = try canonicalFolder(target ?? record.path)
    try rules.checkMayBeWorkspace(path)
    do {
      let look = try FolderLook.at(trashPath)
      guard deleted.owns(look.identity) else { throw SystemError(errno: SystemError.Code.notFound, operation: "statx") }
      try checkNotShared(path, look.identity, except: record.id)
    } catch let error as SystemError where error.meansMissing {
      throw ProtocolError(
        .folderMissing,
        "The files of the workspace `\(record.slug)` are no longer in the trash at \(trashPath).",
        extra: ["path": .string(trashPath)])
    }
    guard (try? FolderLook.at(path)) == nil else { throw ProtocolError.pathTaken(path) }
    record.path = path
    record.isManaged = rules.isManaged(path)
    var made = MadeFolders()
    do {
      try made.make(FolderPath.parent(of: path), permissions: 0o777)
      return try movingFolder(of: deleted, from: trashPath, to: path) { _ in
        try commit(record, event: EventType.workspaceRestored)
      }
    } catch let error as SystemError {
      made.remove()
      switch error.errno {
      case SystemError.Code.crossesDevice:
        throw ProtocolError(
          .invalidArgument,
          "\(path) is on another file system than the trash. Restore the workspace where it was, then move its folder.")
      case SystemError.Code.notDirectory: throw ProtocolError.notADirectory(FolderPath.parent(of: path))
      case SystemError.Code.exists, SystemError.Code.notEmpty: throw ProtocolError.pathTaken(path)
      default: throw error
      }
    } catch {
      made.remove()
      throw error
    }
  }

  private func restoreEmpty(_ record: inout WorkspaceRecord, at target: String) throws -> Workspace {
    let path = try canonicalFolder(target)
    try rules.checkMayBeWorkspace(path)
    var made = MadeFolders()
    do {
      guard try made.make(path, permissions: 0o777) || isEmptyFolder(path) else { throw ProtocolError.pathTaken(path) }
      record.path = path
      record.isManaged = rules.isManaged(path)
      record.folder = try FolderLook.at(path).identity
      try checkNotShared(path, record.folder, except: record.id)
      return try commit(record, event: EventType.workspaceRestored)
    } catch {
      made.remove()
      throw error
    }
  }
}
