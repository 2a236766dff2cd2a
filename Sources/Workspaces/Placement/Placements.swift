package import BerthProtocol
internal import GRDB
internal import Glibc
internal import JSON
internal import Platform
internal import Synchronization
package import Storage

/// Puts staged trees in place of workspaces' files: completely, or not at all.
///
/// What will be changed is written down before the first change, and struck out once the last one is made. Until then
/// any failure takes everything back, and so does `recover()` where the server died in between. What made way is kept
/// in the stage for as long as that can happen.
package final class Placements: Sendable {
  /// A moment at which a test can let a placement fail.
  package enum Moment: Sendable, Hashable {
    case staged
    case planned
    case step(Int)
    case placed
    case settled
    case undoing(Int)
  }

  let workspaces: WorkspaceService
  let database: Storage.Database
  private let durability: Durability
  private let probe: @Sendable (Moment) throws -> Void
  /// How often files of a folder have begun or ended to be replaced, by the folder's path.
  private let changes = Mutex<[String: Int]>([:])

  package static let migrations = PlacementRow.migrations

  /// - Parameter probe: Called at each moment of each placement; what it throws is taken as a failure there.
  package init(
    workspaces: WorkspaceService, database: Storage.Database, durability: Durability,
    probe: @escaping @Sendable (Moment) throws -> Void = { _ in }
  ) {
    self.workspaces = workspaces
    self.database = database
    self.durability = durability
    self.probe = probe
  }

  /// Makes a stage for a workspace, and removes it, with all that is then in it, when `body` has ended.
  func withStage<Result>(
    for workspace: Workspace, job: String, _ body: (Stage) async throws -> Result
  ) async throws -> Result {
    try await using(try makeStage(job: job, workspace: workspace.id, folder: workspace.path), body)
  }

  /// As `withStage(for:)`, for a folder that is to become a workspace's.
  func withStage<Result>(
    forNewFolder path: String, job: String, _ body: (Stage) async throws -> Result
  ) async throws -> Result {
    let parent = FolderPath.parent(of: path)
    return try await using(try makeStage(job: job, workspace: "", folder: path, in: parent), body)
  }

  /// Makes a file beside which a finished one is to stand, and removes it, as long as it has that name, when `body` has
  /// ended.
  func withTemporaryFile<Result>(
    in folder: String, job: String, _ body: (Place, OwnedDescriptor) throws -> Result
  ) throws -> Result {
    guard let name = Stage.name(for: job) else {
      throw SystemError(errno: EINVAL, operation: "openat", path: folder)
    }
    let place = Place(directory: try Directory(path: folder), name: name)
    try PlacementRow(job: job, workspace: "", folder: folder, parent: folder).insert(in: database)
    defer {
      // What cannot be removed now is when the server starts next.
      if (try? place.directory.removeTree(name)) != nil { try? PlacementRow.delete(job, in: database) }
    }
    return try body(place, try place.directory.open(name, [.write, .create, .exclusive], permissions: 0o666))
  }

  private func using<Result>(_ stage: Stage, _ body: (Stage) async throws -> Result) async throws -> Result {
    do {
      let result = try await body(stage)
      discard(stage)
      return result
    } catch {
      discard(stage)
      throw error
    }
  }

  /// Carries a plan out.
  ///
  /// - Parameters:
  ///   - folder: The workspace's folder, open; nil where the plan is about that folder itself.
  ///   - settle: Called when all steps are made, before the placement counts as done. What it throws takes them back.
  func carryOut(
    _ plan: PlacementPlan, in stage: Stage, folder: Directory?, settle: () throws -> Void = {}
  ) throws {
    disturb(stage.folder)
    defer { disturb(stage.folder) }
    try probe(.staged)
    if durability == .full { try stage.directory.synchronizeFileSystem() }
    try PlacementRow.write(.placing, plan, of: stage.job, in: database)
    do {
      try probe(.planned)
      var run = try PlacementRun(stage, folder: folder)
      for (index, step) in plan.steps.enumerated() {
        try probe(.step(index))
        do {
          try run.carryOut(step)
        } catch {
          throw Self.explain(error, step)
        }
      }
      try probe(.placed)
      if durability == .full { try stage.directory.synchronizeFileSystem() }
      try settle()
      if stage.workspace.isEmpty {
        // The workspace that was written down makes it good (`isSettled`), whether this can be noted or not.
        try? PlacementRow.write(.placed, of: stage.job, in: database)
      } else {
        try probe(.settled)
        try PlacementRow.write(.placed, of: stage.job, in: database)
      }
    } catch {
      try takeBack(plan, in: stage, folder: folder, after: error)
      throw error
    }
  }

  private func takeBack(
    _ plan: PlacementPlan, in stage: Stage, folder: Directory?, after cause: any Error
  ) throws {
    do {
      try undo(plan, in: stage, folder: folder)
      try PlacementRow.write(.staging, of: stage.job, in: database)
    } catch {
      throw ProtocolError(
        .ioError,
        "Putting files in place in \(stage.folder) failed, and so did taking it back. What was there before is in "
          + "\(FolderPath.join(stage.parentPath, stage.name.string)); it is put back when the server starts next.",
        detail: "\(cause); then: \(error)")
    }
  }

  /// Takes a plan back, from wherever its carrying out ended.
  private func undo(_ plan: PlacementPlan, in stage: Stage, folder: Directory?) throws {
    var run = try PlacementRun(stage, folder: folder)
    for (index, step) in plan.steps.enumerated().reversed() {
      try probe(.undoing(index))
      try run.undo(step)
    }
    for (path, modified) in plan.folderTimes { try run.restoreTime(of: path, modified) }
    if plan.exchangesFolder, !stage.workspace.isEmpty { try? workspaces.adoptFolder(stage.workspace) }
  }

  private static func explain(_ error: SystemError, _ step: PlacementStep) -> any Error {
    guard error.errno == EEXIST, case .moveIn(_, let path, _) = step else { return error }
    return ProtocolError.entriesExist([path])
  }
}

// MARK: - Stages

extension Placements {
  private func makeStage(job: String, workspace: String, folder: String) throws -> Stage {
    let parent = FolderPath.parent(of: folder)
    if try !isMountPoint(folder, in: parent) {
      do {
        return try makeStage(job: job, workspace: workspace, folder: folder, in: parent)
      } catch let error as SystemError where [EACCES, EPERM, EROFS].contains(error.errno) {
        // Not beside, so inside.
      }
    }
    return try makeStage(job: job, workspace: workspace, folder: folder, in: folder)
  }

  private func makeStage(job: String, workspace: String, folder: String, in parentPath: String) throws -> Stage {
    guard let name = Stage.name(for: job) else {
      throw SystemError(errno: EINVAL, operation: "mkdirat", path: parentPath)
    }
    let parent = try Directory(path: parentPath)
    // Written down first: a stage that nobody knows of would stay for ever.
    try PlacementRow(job: job, workspace: workspace, folder: folder, parent: parentPath).insert(in: database)
    do {
      try parent.makeDirectory(name, permissions: 0o700)
      let directory = Directory(adopting: try parent.open(name, [.location, .directory]))
      return Stage(
        job: job, workspace: workspace, folder: folder, parentPath: parentPath, parent: parent, name: name,
        directory: directory)
    } catch {
      try? PlacementRow.delete(job, in: database)
      throw error
    }
  }

  private func isMountPoint(_ folder: String, in parent: String) throws -> Bool {
    let look = try FolderLook.at(folder)
    if let isMountPoint = look.isMountPoint { return isMountPoint }
    return try FolderLook.at(parent).identity.device != look.identity.device
  }

  /// Removes a stage and what is known of it, unless a placement could be neither finished nor taken back.
  private func discard(_ stage: Stage) {
    do {
      guard try PlacementRow.find(stage.job, in: database)?.state != .placing else { return }
      try stage.parent.removeTree(stage.name)
      try PlacementRow.delete(stage.job, in: database)
    } catch {
      // It stays known, and is removed when the server starts next.
    }
  }

  /// Takes back what a server that died left half done, and removes its stages. Call it once, before any job starts.
  ///
  /// - Returns: What could not be done, in sentences for the log; it is tried again at the next start.
  package func recover() throws -> [String] {
    try PlacementRow.all(in: database).compactMap { row in
      do {
        try recover(row)
        return nil
      } catch {
        return "What the job \(row.job) left in \(row.parent) could not be cleared up: \(error)"
      }
    }
  }

  private func recover(_ row: PlacementRow) throws {
    guard let name = Stage.name(for: row.job) else { return try PlacementRow.delete(row.job, in: database) }
    do {
      let parent = try Directory(path: row.parent)
      if row.state == .placing, let plan = row.plan, !isSettled(plan, row) {
        let stage = Stage(
          job: row.job, workspace: row.workspace, folder: row.folder, parentPath: row.parent, parent: parent,
          name: name, directory: Directory(adopting: try parent.open(name, [.location, .directory])))
        let folder = plan.exchangesFolder ? nil : try Directory(path: row.folder)
        try undo(plan, in: stage, folder: folder)
        try PlacementRow.write(.staging, of: row.job, in: database)
      }
      try parent.removeTree(name)
    } catch let error as SystemError where error.errno == ENOENT && row.state != .placing {
      // Removed by other hands.
    }
    try PlacementRow.delete(row.job, in: database)
  }

  /// Whether the placed folder has become a workspace's: that was the last step of making it one.
  private func isSettled(_ plan: PlacementPlan, _ row: PlacementRow) -> Bool {
    guard row.workspace.isEmpty, let look = try? FolderLook.at(row.folder) else { return false }
    return workspaces.state.withLock { state in
      state.table.living.contains { $0.path == row.folder && $0.owns(look.identity) }
    }
  }
}

// MARK: - Changes that others must see

extension Placements {
  private func disturb(_ folder: String) {
    changes.withLock { $0[folder, default: 0] += 1 }
  }

  /// Tells how often files in, below or around a folder have begun or ended to be replaced. An odd number, or another
  /// one than before, means that what was read of the folder does not belong together.
  func disturbances(of folder: String) -> Int {
    changes.withLock { changes in
      changes.reduce(0) { sum, change in
        let isNear = FolderPath.contains(change.key, folder) || FolderPath.contains(folder, change.key)
        return isNear ? sum + change.value : sum
      }
    }
  }
}

extension PlacementPlan {
  /// Whether it is about the workspace's folder itself, and not about what it holds.
  var exchangesFolder: Bool {
    switch steps.first {
    case .exchangeFolder, .placeFolder: true
    default: false
    }
  }
}

extension ProtocolError {
  /// - Parameter paths: Those at which something is already.
  static func entriesExist(_ paths: [RelativePath]) -> ProtocolError {
    let shown = paths.prefix(3).map { "`\($0)`" }.joined(separator: ", ")
    let more = paths.count > 3 ? " and \(paths.count - 3) more" : ""
    return ProtocolError(
      .alreadyExists,
      "The workspace holds \(shown)\(more) already. Nothing was changed; move them away, or pass `replaceExisting`.",
      errors: paths.prefix(1000).map { Fault(loc: [.string($0.string)], msg: "is there already", type: "exists") })
  }
}
