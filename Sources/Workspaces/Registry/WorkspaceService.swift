import JSON
package import BerthProtocol
import GRDB
import Platform
package import Storage
package import Streams
import Synchronization

/// The workspaces of a home: folders that Berth knows, found by id, key or slug.
///
/// All are held in memory; the database is their record. A change is made with `changes` held: it is written with its
/// event in one transaction, and memory follows when that is committed, before any follower of the events hears of it.
/// Reading takes `state` alone, for as long as a dictionary takes.
///
/// Two workspaces never share a folder. One may lie inside another's folder, as the packages of a repository do; then
/// the outer one's files are not moved or deleted while the inner one lives, and a job that replaces files of either
/// keeps writers out of both.
package final class WorkspaceService: Sendable {
  /// What is held in memory.
  struct State {
    var table = WorkspaceTable()
    /// The workspaces whose files a job is replacing, with the job's id once it is known.
    var claims: [String: String] = [:]
  }

  let database: Storage.Database
  let streams: StreamStore
  let rules: FolderRules
  let keepSeconds: @Sendable () -> Int
  let now: @Sendable () -> Int64
  let inBackground: @Sendable (@escaping @Sendable () -> Void) -> Void
  let state = Mutex(State())
  /// Held by whoever changes a workspace, for the whole change.
  let changes = Mutex(())
  /// Held by whoever empties the trash.
  let removing = Mutex(())
  let directories = Mutex(DirectoryCache())

  /// Loads the workspaces. Call `recover()` once before the first request.
  ///
  /// - Parameters:
  ///   - home: Berth's home, an absolute path; it must exist.
  ///   - trashSeconds: How long a deleted workspace can be restored, in seconds; asked for each time it matters.
  ///   - now: The time, in nanoseconds since 1970.
  ///   - inBackground: Runs the removal of files that no one will ask for again.
  package init(
    home: String, database: Storage.Database, streams: StreamStore, trashSeconds: @escaping @Sendable () -> Int,
    now: @escaping @Sendable () -> Int64 = { Timestamp.nanosecondsNow() },
    inBackground: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { startDetached("trash", $0) }
  ) throws {
    self.database = database
    self.streams = streams
    keepSeconds = trashSeconds
    self.now = now
    self.inBackground = inBackground
    rules = FolderRules(home: Home(home), userHomes: FolderRules.userHomesOfThisProcess())
    let records = try database.read { db in try WorkspaceRecord.all(db) }
    state.withLock { state in
      for record in records { state.table.put(record) }
    }
  }

  /// How many workspaces there are, deleted ones left out.
  package var count: Int { reading { $0.livingCount } }

  /// Returns a workspace, as `workspace/get` does: a deleted one only by its id.
  package func get(_ params: WorkspaceGet.Params) throws -> WorkspaceGet.Result {
    try resolve(params.workspace, includingDeleted: true)
  }

  /// The workspace that a reference means: an id, else a key, else a slug.
  ///
  /// - Parameter includingDeleted: Whether a deleted workspace is found too, by its id.
  /// - Throws: `workspace_not_found`.
  package func resolve(_ reference: String, includingDeleted: Bool = false) throws -> Workspace {
    describe(try record(reference, includingDeleted: includingDeleted))
  }

  /// A workspace as the protocol tells it, its folder looked at just now.
  func describe(_ record: WorkspaceRecord) -> Workspace {
    record.workspace(folderState: record.folderState(), keepSeconds: record.deletion == nil ? 0 : keepSeconds())
  }

  func record(_ reference: String, includingDeleted: Bool = false) throws -> WorkspaceRecord {
    let found = reading { $0.find(reference) }
    if let found, found.state != .deleted || includingDeleted { return found }
    throw ProtocolError.workspaceNotFound(
      reference, deleted: found ?? reading { $0.findDeleted(reference) })
  }

  /// Looks something up in memory.
  func reading<Value>(_ body: (WorkspaceTable) throws -> Value) rethrows -> Value {
    try state.withLock { try body($0.table) }
  }

  /// Makes one change: no other is made meanwhile.
  func changing<Value>(_ body: () throws -> Value) rethrows -> Value {
    try changes.withLock { _ in try body() }
  }

  /// Writes a workspace and the event that tells of it in one transaction; memory follows.
  ///
  /// - Parameters:
  ///   - event: The event's type; nil for what clients cannot see.
  ///   - also: What else belongs to the transaction.
  @discardableResult
  func commit(
    _ record: WorkspaceRecord, event: String?,
    also: (GRDB.Database, Workspace) throws -> Void = { _, _ in }
  ) throws -> Workspace {
    let workspace = describe(record)
    try database.write { db in
      // Registered first, so that memory is right before followers of the event hear of it.
      db.afterNextTransaction { _ in self.state.withLock { $0.table.put(record) } }
      try record.save(db)
      if let event { try streams.record("events", type: event, payload: workspace, in: db) }
      try also(db, workspace)
    }
    return workspace
  }

  /// The time, as the protocol writes it.
  func timestamp() -> String { Timestamp.string(nanosecondsSince1970: now()) }
}
