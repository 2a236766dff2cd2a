internal import BerthProtocol
internal import Glibc
internal import Platform
internal import Storage

extension Placements {
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

  /// Makes a file of Berth's own in a folder, for `body` to complete and rename; otherwise it is removed.
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
}
