package import BerthProtocol
internal import Glibc
internal import JSON
internal import Jobs
internal import Platform
internal import Synchronization

extension SnapshotService {
  /// `snapshot/restore`.
  package func restore(_ params: SnapshotRestore.Params) throws -> SnapshotRestore.Result {
    let record = try record(params.snapshot)
    let workspace = try workspaces.open(record.snapshot.workspace, for: .write).workspace
    let manifest = try manifest(of: record)
    let scope = try RestoreScope(params.paths, in: manifest, of: record.snapshot.id)
    return try jobs.start(
      .restore, title: "Restore \(workspace.slug) from \(record.snapshot.label ?? record.snapshot.id)",
      workspace: workspace.id
    ) { context in
      let job = JobReport(context)
      return try await self.restore(record.snapshot, manifest, scope, job, id: context.id).jsonObject()
    }
  }

  private func restore(
    _ snapshot: Snapshot, _ manifest: SnapshotManifest, _ scope: RestoreScope, _ job: JobReport, id: String
  ) async throws -> RestoreJobResult {
    try workspaces.beginReplacing(snapshot.workspace, job: id)
    defer { workspaces.endReplacing(snapshot.workspace) }
    let undo = Snapshot(
      id: Identifier.make("snap"), workspace: snapshot.workspace,
      label: String("Before restoring \(snapshot.label ?? snapshot.id)".prefix(200)), automatic: true,
      includeIgnored: snapshot.includeIgnored, files: 0, directories: 0, bytes: 0, storedBytes: 0,
      createdAt: Timestamp.now())
    let taken = try take(undo, always: manifest.entries.map(\.path), isReplacing: true, job)
    do {
      return try await putBack(manifest, scope, over: taken, job, id: id)
    } catch {
      // It undoes nothing.
      _ = try? delete(SnapshotDelete.Params(snapshot: undo.id))
      throw error
    }
  }

  private func putBack(
    _ manifest: SnapshotManifest, _ scope: RestoreScope, over taken: Taken, _ job: JobReport, id: String
  ) async throws -> RestoreJobResult {
    let ignore = try SnapshotIgnore(manifest) { id, size, name in try blobs.read(id, size: size, for: name) }
    let leavesOut: (RelativePath, Bool) -> Bool =
      taken.snapshot.includeIgnored ? { _, _ in false } : { ignore.leavesOut($0, isFolder: $1) }
    let plan = RestorePlan(
      from: taken.manifest, to: manifest, scope, attributes: taken.scan.folderAttributes, isIgnored: leavesOut)
    let opened = try workspaces.open(taken.snapshot.workspace, for: .replace)
    return try await placements.withStage(for: opened.workspace, job: id) { stage in
      _ = try stage.makeFolder(Stage.new)
      _ = try stage.makeFolder(Stage.old)
      try RestoreStaging(stage: stage, blobs: blobs, job: job).stage(plan.staged)
      try job.checkCancellation()
      job.progress("Putting in place", plan.written, plan.written, .files)
      var slots = FolderTrail(stage.directory)
      let placement = try plan.placement { slot in try slots.status(of: slot)?.identity.inode ?? 0 }
      do {
        try placements.carryOut(placement, in: stage, folder: opened.directory) {
          try checkUnchanged(placement, in: stage, taken.scan)
        }
      } catch let error as ProtocolError where error.type == .alreadyExists {
        throw ProtocolError.holdsIgnored(error)
      }
      let removedFolders = try plan.folders(removedFrom: opened.directory)
      return RestoreJobResult(
        undo: taken.snapshot.id, written: plan.written, removed: plan.removedFiles + removedFolders,
        unchanged: plan.unchanged)
    }
  }

  /// Throws `workspace_busy` where something that made way is another than the undo snapshot holds: somebody wrote to
  /// it meanwhile, and that must not be lost.
  private func checkUnchanged(_ plan: PlacementPlan, in stage: Stage, _ scan: FolderScan) throws {
    var expected: [RelativePath: FileStatus] = [:]
    for entry in scan.entries { expected[entry.path] = entry.status }
    var trail = FolderTrail(stage.directory)
    for step in plan.steps {
      let path: RelativePath
      let slot: RelativePath
      switch step {
      case .moveOut(let from, let to): (path, slot) = (from, to)
      case .exchange(let staged, let at, _): (path, slot) = (at, staged)
      default: continue
      }
      let now = try trail.status(of: slot)
      guard let then = expected[path], let now, now.identity == then.identity, now.size == then.size,
        now.modified == then.modified
      else {
        throw ProtocolError(
          .workspaceBusy,
          "`\(path)` was changed while the workspace was restored. Nothing was changed; try again when nobody writes.")
      }
    }
  }
}

extension ProtocolError {
  /// A folder that could not make way for what the snapshot has in its place.
  fileprivate static func holdsIgnored(_ error: ProtocolError) -> ProtocolError {
    let path = error.errors.first?.loc.first?.stringValue ?? ""
    return ProtocolError(
      .directoryNotEmpty,
      "The snapshot holds a file at `\(path)`, where a folder with ignored files is now. Nothing was changed; move the "
        + "folder away.",
      detail: error.detail)
  }
}

extension RestorePlan {
  /// How many of the folders that were to be removed are gone; those that hold ignored files are not.
  fileprivate func folders(removedFrom folder: Directory) throws -> Int {
    var trail = FolderTrail(folder)
    return try removedFolders.count { try trail.status(of: $0) == nil }
  }
}

extension FolderScan {
  fileprivate var folderAttributes: [RelativePath: FolderAttributes] {
    var attributes: [RelativePath: FolderAttributes] = [:]
    for entry in entries where entry.status.kind == .directory {
      attributes[entry.path] = FolderAttributes(
        permissions: entry.status.permissions, owner: entry.status.owner, group: entry.status.group)
    }
    return attributes
  }
}

/// How many files are staged, by all threads together.
final class StagingProgress: Sendable {
  private let total: Int
  private let done = Atomic<Int>(0)

  init(total: Int) {
    self.total = total
  }

  func add(_ count: Int, _ job: JobReport) {
    job.progress("Bringing files back", done.wrappingAdd(count, ordering: .relaxed).newValue, total, .files)
  }
}
