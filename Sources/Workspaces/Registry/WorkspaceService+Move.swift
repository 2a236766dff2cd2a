import BerthProtocol
import GRDB
import Glibc
import Platform

/// Renames of folders that go with a change of the record: one of the two may be done when the server dies.
///
/// The rename is written down first, then made, then struck out in the transaction of the change. `recover()` finds
/// those that were begun: the change was never acknowledged, so the folder goes back; where it cannot, because
/// something stands in its place by then, the change is completed instead. Never is the folder lost sight of.
extension WorkspaceService {
  /// Renames a workspace's folder and makes the change that belongs to it.
  ///
  /// - Parameters:
  ///   - record: The workspace as it is.
  ///   - from: Where the folder is; nil for the workspace's path.
  ///   - to: Where it goes. Nothing may be there.
  ///   - orElse: Where it goes where the first place turns out to be on another file system.
  ///   - change: Commits the change; it is given the place.
  func movingFolder<Value>(
    of record: WorkspaceRecord, from: String? = nil, to: String, orElse second: String? = nil,
    _ change: (String) throws -> Value
  ) throws -> Value {
    var begun = record
    let move = WorkspaceRecord.Move(from: from ?? record.path, to: to)
    begun.move = move
    try commit(begun, event: nil)
    do {
      try Rename.withoutReplacing(move.from, move.to)
    } catch {
      try commit(record, event: nil)
      if error.errno == SystemError.Code.crossesDevice, let second, second != to {
        return try movingFolder(of: record, from: from, to: second, change)
      }
      throw error
    }
    do {
      return try change(move.to)
    } catch {
      // Where this fails too, `recover()` finds the move in the record.
      if (try? Rename.withoutReplacing(move.to, move.from)) != nil { _ = try? commit(record, event: nil) }
      throw error
    }
  }

  /// Settles what a server that died has left half done. Call it once, before the first request.
  package func recover() throws {
    try changing {
      let unsettled = reading { table in table.all.filter { $0.move != nil || $0.incoming != nil } }
      for record in unsettled { try settle(record) }
    }
    inBackground { self.removeFiles() }
  }

  private func settle(_ unsettled: WorkspaceRecord) throws {
    var record = unsettled
    if let incoming = record.incoming {
      if let look = try? FolderLook.at(record.path), incoming.isSameFolder(as: look.identity) {
        record.folder = incoming
      }
      record.incoming = nil
    }
    guard let move = record.move else {
      try commit(record, event: nil)
      return
    }
    record.move = nil
    let hasMoved = (try? FolderLook.at(move.to)).map { record.owns($0.identity) } ?? false
    if !hasMoved || (try? Rename.withoutReplacing(move.to, move.from)) != nil {
      try commit(record, event: nil)
    } else if record.deletion != nil {
      try complete(restoring: record, at: move.to)
    } else {
      try complete(deleting: record, trashPath: move.to)
    }
  }

  private func complete(deleting deleted: WorkspaceRecord, trashPath: String) throws {
    var record = deleted
    record.updatedAt = timestamp()
    record.deletion = WorkspaceRecord.Deletion(
      at: record.updatedAt, stateBefore: record.state, trashPath: trashPath, filesDeleted: false)
    record.state = .deleted
    record.version += 1
    try commit(record, event: EventType.workspaceDeleted)
  }

  private func complete(restoring restored: WorkspaceRecord, at path: String) throws {
    var record = restored
    record.state = restored.deletion?.stateBefore ?? .active
    record.deletion = nil
    record.path = path
    record.isManaged = rules.isManaged(path)
    record.slug = Slug.unique(record.slug) { slug in reading { $0.isSlugTaken(slug) } }
    // A living workspace may have its key by now; it could not be restored with it.
    if let key = record.key, reading({ $0.holder(ofKey: key) }) != nil { record.key = nil }
    record.updatedAt = timestamp()
    record.version += 1
    try commit(record, event: EventType.workspaceRestored)
  }
}
