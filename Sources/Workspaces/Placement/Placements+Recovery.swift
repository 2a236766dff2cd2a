internal import GRDB
internal import Glibc
internal import Platform
internal import Storage

extension Placements {
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
    return workspaces.reading { table in
      table.living.contains { $0.path == row.folder && $0.owns(look.identity) }
    }
  }
}
