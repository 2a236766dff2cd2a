package import BerthProtocol
internal import Jobs
internal import Platform

extension SnapshotService {
  /// `snapshot/diff`. Against the workspace's folder, what changes between two pages may be told twice or not at all.
  package func diff(_ params: SnapshotDiff.Params) throws -> SnapshotDiff.Result {
    let offset = try params.cursor.map { try Self.offset(of: $0) } ?? 0
    let from = try record(params.from)
    let before = try manifest(of: from)
    let after = try params.to.map { try manifest(of: try record($0)) } ?? current(from.snapshot, before)
    let changes = before.changes(to: after)
    let page = changes.dropFirst(offset).prefix(params.limit)
    let next = offset + page.count
    return SnapshotChangePage(
      changes: Array(page), nextCursor: next < changes.count ? Self.cursorPrefix + String(next) : nil)
  }

  /// What the workspace's folder holds now, as a snapshot like that one would take it.
  private func current(_ snapshot: Snapshot, _ manifest: SnapshotManifest) throws -> SnapshotManifest {
    let opened = try workspaces.open(snapshot.workspace, for: .read)
    let scan = try FolderScan(
      of: opened.directory, includesIgnored: snapshot.includeIgnored, always: manifest.entries.map(\.path),
      step: Task.checkCancellation)
    let job = JobReport(
      output: { _ in }, progress: { _, _, _, _ in }, checkCancellation: { try Task.checkCancellation() })
    let reading = FolderReading(root: opened.directory, session: nil, job: job)
    return try reading.read(scan, known: knownFiles(of: snapshot.workspace)).manifest
  }

  private static let cursorPrefix = "d."

  private static func offset(of cursor: String) throws -> Int {
    guard cursor.hasPrefix(cursorPrefix), let offset = Int(cursor.dropFirst(cursorPrefix.count)), offset > 0 else {
      throw ProtocolError(.invalidCursor, "The cursor `\(cursor)` was not made by `snapshot/diff`. Begin without one.")
    }
    return offset
  }
}
