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
  func undo(_ plan: PlacementPlan, in stage: Stage, folder: Directory?) throws {
    var run = try PlacementRun(stage, folder: folder)
    for (index, step) in plan.steps.enumerated().reversed() {
      try probe(.undoing(index))
      try run.undo(step)
    }
    // A folder that somebody has removed meanwhile has no time either.
    for (path, modified) in plan.folderTimes { try? run.restoreTime(of: path, modified) }
    if plan.exchangesFolder, !stage.workspace.isEmpty { try? workspaces.adoptFolder(stage.workspace) }
  }

  private static func explain(_ error: SystemError, _ step: PlacementStep) -> any Error {
    guard error.errno == EEXIST, case .moveIn(_, let path, _) = step else { return error }
    return ProtocolError.entriesExist([path])
  }
}

// MARK: - Changes that others must see

extension Placements {
  private func disturb(_ folder: String) {
    changes.withLock { $0[folder, default: 0] += 1 }
  }

  /// Tells how often files in, below or around a folder have begun or ended to be replaced.
  func disturbances(of folder: String) -> Int {
    changes.withLock { changes in
      changes.reduce(0) { sum, change in
        let isNear = FolderPath.contains(change.key, folder) || FolderPath.contains(folder, change.key)
        return isNear ? sum + change.value : sum
      }
    }
  }

  /// Throws `workspace_busy` where files of a workspace were replaced while they were read: what was read of it then
  /// does not belong together.
  ///
  /// - Parameter count: The number of disturbances before the reading; an odd one was told in the middle of one.
  func checkUndisturbed(_ workspace: Workspace, since count: Int) throws {
    guard disturbances(of: workspace.path) == count, count.isMultiple(of: 2) else {
      throw ProtocolError(
        .workspaceBusy,
        "A job replaced files of the workspace `\(workspace.slug)` while they were read. Try again when it has ended.")
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
