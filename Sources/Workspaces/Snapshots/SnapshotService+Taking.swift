package import BerthProtocol
internal import GRDB
internal import JSON
internal import Jobs
internal import Platform
internal import Storage
internal import Streams

extension SnapshotService {
  /// `workspace/snapshot`.
  package func snapshot(_ params: WorkspaceSnapshot.Params) throws -> WorkspaceSnapshot.Result {
    let isRepeatable = params.idempotencyKey != nil
    let workspace = try workspaces.openForReadingJob(params.workspace, isRepeatable: isRepeatable)
    var digested = params
    digested.waitSeconds = 0
    let idempotency = JobIdempotency(
      scope: WorkspaceSnapshot.description.name, key: params.idempotencyKey, params: digested)
    return try jobs.start(
      .snapshot, title: "Snapshot of \(workspace.slug)", workspace: workspace.id, idempotency: idempotency.value
    ) { context in
      let snapshot = Snapshot(
        id: Identifier.make("snap"), workspace: workspace.id, label: params.label, automatic: false,
        includeIgnored: params.includeIgnored, files: 0, directories: 0, bytes: 0, storedBytes: 0,
        createdAt: Timestamp.now())
      return SnapshotJobResult(snapshot: try self.take(snapshot, JobReport(context)).snapshot).jsonObject()
    }
  }

  /// A snapshot that was taken, and what it holds.
  struct Taken {
    var snapshot: Snapshot
    var manifest: SnapshotManifest
    var scan: FolderScan
  }

  /// Takes a snapshot and writes it down.
  ///
  /// - Parameters:
  ///   - snapshot: Without its numbers.
  ///   - always: What is taken whether it is ignored or not.
  ///   - isReplacing: Whether the caller is the job that holds the workspace.
  func take(
    _ snapshot: Snapshot, always: [RelativePath] = [], isReplacing: Bool = false, _ job: JobReport
  ) throws -> Taken {
    let opened = try workspaces.open(snapshot.workspace, for: isReplacing ? .replace : .read)
    let disturbances = placements.disturbances(of: opened.workspace.path)
    return try blobs.withSession { session in
      job.progress("Looking at files", 0, nil, .files)
      let scan = try FolderScan(
        of: opened.directory, includesIgnored: snapshot.includeIgnored, always: always, step: job.checkCancellation)
      if scan.skipped > 0 { job.output("\(scan.skipped) devices, sockets or pipes are left out.") }
      let reading = FolderReading(root: opened.directory, session: session, job: job)
      let result = try reading.read(scan, known: knownFiles(of: snapshot.workspace))
      for path in result.unsteady {
        job.output("`\(path)` changed each time it was read; it is kept as it was last read.")
      }
      try placements.checkUndisturbed(opened.workspace, since: disturbances)
      let manifest = result.manifest.encoded()
      let id = try manifest.withUnsafeBytes { try session.store($0).id }
      try blobs.synchronize()
      let taken = snapshot.counting(result)
      let record = SnapshotTable.Record(snapshot: taken, manifest: id, manifestBytes: Int64(manifest.count))
      try database.write { db in
        try SnapshotTable.insert(record, blobs: result.manifest.blobs, in: db)
        try streams.record("events", type: EventType.snapshotCreated, payload: taken, in: db)
      }
      keep(result.known, of: snapshot.workspace)
      return Taken(snapshot: taken, manifest: result.manifest, scan: scan)
    }
  }
}

extension Snapshot {
  fileprivate func counting(_ result: FolderReading.Result) -> Snapshot {
    var snapshot = self
    for entry in result.manifest.entries where !entry.path.isRoot {
      switch entry.kind {
      case .directory: snapshot.directories += 1
      case .link: snapshot.files += 1
      case .file(_, let size):
        snapshot.files += 1
        snapshot.bytes += Int(size)
      }
    }
    snapshot.storedBytes = Int(result.storedBytes)
    return snapshot
  }
}
