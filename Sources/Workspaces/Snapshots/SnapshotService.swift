package import BerthProtocol
internal import GRDB
internal import JSON
package import Jobs
package import Platform
package import Storage
package import Streams

/// Keeps workspaces as they are at one time, tells what has changed since, and puts them back.
package final class SnapshotService: Sendable {
  let workspaces: WorkspaceService
  let jobs: JobStore
  let placements: Placements
  let database: Storage.Database
  let streams: StreamStore
  let blobs: BlobStore
  /// Where it is kept what files are known to hold.
  private let known: Directory

  package static let migrations = SnapshotTable.migrations

  /// Call `recover()` once before the first request.
  ///
  /// - Parameters:
  ///   - home: Berth's home; contents are kept under `blobs/` in it.
  ///   - durability: Whether a snapshot is on the disk when it is told of.
  package init(
    home: Home, workspaces: WorkspaceService, jobs: JobStore, placements: Placements, database: Storage.Database,
    streams: StreamStore, durability: Durability
  ) throws {
    self.workspaces = workspaces
    self.jobs = jobs
    self.placements = placements
    self.database = database
    self.streams = streams
    blobs = try BlobStore(path: home.blobs, durability: durability)
    known = try blobs.root.makeDirectories(RelativePath("known"), permissions: 0o700).directory
  }

  // MARK: Telling

  /// How many snapshots there are.
  package func count() throws -> Int {
    try database.read { db in try SnapshotTable.count(in: db) }
  }

  /// `snapshot/list`, newest first. Those of a deleted workspace are found by its id.
  package func list(_ params: SnapshotList.Params) throws -> SnapshotList.Result {
    let workspace = try workspaces.resolve(params.workspace, includingDeleted: true)
    if let cursor = params.cursor, !cursor.hasPrefix("snap_") {
      throw ProtocolError(.invalidCursor, "The cursor `\(cursor)` was not made by `snapshot/list`. Begin without one.")
    }
    var snapshots = try database.read { db in
      try SnapshotTable.list(workspace: workspace.id, before: params.cursor, limit: params.limit + 1, in: db)
    }
    let hasMore = snapshots.count > params.limit
    if hasMore { snapshots.removeLast() }
    return SnapshotPage(snapshots: snapshots, nextCursor: hasMore ? snapshots.last?.id : nil)
  }

  /// `snapshot/get`.
  package func get(_ params: SnapshotGet.Params) throws -> SnapshotGet.Result {
    try record(params.snapshot).snapshot
  }

  func record(_ id: String) throws -> SnapshotTable.Record {
    if let record = try database.read({ db in try SnapshotTable.find(id, in: db) }) { return record }
    throw ProtocolError(
      .snapshotNotFound, "There is no snapshot `\(id)`. `snapshot/list` tells those of a workspace.")
  }

  /// What a snapshot holds.
  func manifest(of record: SnapshotTable.Record) throws -> SnapshotManifest {
    let bytes = try blobs.read(
      record.manifest, size: record.manifestBytes, for: "the list of the snapshot \(record.snapshot.id)")
    do {
      return try SnapshotManifest(decoding: bytes)
    } catch {
      throw ProtocolError(.ioError, "The list of the snapshot `\(record.snapshot.id)` cannot be read. Delete it.")
    }
  }

  // MARK: What files are known to hold

  func knownFiles(of workspace: String) -> KnownFiles {
    FileName(workspace).map { KnownFiles(reading: Place(directory: known, name: $0)) } ?? KnownFiles()
  }

  func keep(_ files: KnownFiles, of workspace: String) {
    // Without it everything is read again, and no more.
    if let name = FileName(workspace) { try? files.write(to: Place(directory: known, name: name)) }
  }

  func forgetKnownFiles(of workspace: String) {
    if let name = FileName(workspace) { try? known.removeFile(name) }
  }
}
