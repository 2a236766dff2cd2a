internal import BerthProtocol
internal import Glibc
internal import JSON
internal import Platform

extension Placements {
  /// Puts the staged tree in the place of all that a workspace holds.
  ///
  /// The two folders are exchanged in one system call where the file system can do that; else what is there is moved
  /// out and what is staged moved in, one entry after the other.
  func replace(with stage: Stage) throws {
    let folder = try workspaces.open(stage.workspace, for: .replace).directory
    try checkHoldsNoOther(stage)
    if stage.isBeside {
      do {
        return try exchange(stage, folder)
      } catch let error as SystemError where [EPERM, EACCES, EBUSY, EINVAL, EXDEV, ENOSYS].contains(error.errno) {
        // Taken back already: the entries are moved instead.
      }
    }
    try carryOut(replacementPlan(stage, folder), in: stage, folder: folder)
  }

  private func exchange(_ stage: Stage, _ folder: Directory) throws {
    let tree = try stage.directory.open(Stage.tree, [.read, .directory])
    let now = try folder.status()
    let staged = try tree.status()
    if (staged.owner, staged.group) != (now.owner, now.group) { try tree.setOwner(now.owner, group: now.group) }
    try tree.setPermissions(now.permissions)
    // From here on, whatever happens, the folder that stands at the path is known to be the workspace's.
    let path = FolderPath.join(FolderPath.join(stage.parentPath, stage.name.string), Stage.tree.string)
    try workspaces.announceFolder(stage.workspace, at: path)
    try carryOut(
      PlacementPlan(steps: [.exchangeFolder(staged: staged.identity.inode)]), in: stage, folder: nil,
      settle: { try workspaces.adoptFolder(stage.workspace) })
  }

  private func replacementPlan(_ stage: Stage, _ folder: Directory) throws -> PlacementPlan {
    _ = try stage.makeFolder(Stage.old)
    var plan = PlacementPlan()
    plan.folderTimes[.root] = try folder.status().modified
    for entry in try folder.entries().sorted(by: { $0.name < $1.name }) where !entry.name.isStaging {
      let path = RelativePath.root.appending(entry.name.bytes)
      plan.steps.append(.moveOut(path: path, slot: Stage.slot(Stage.old, path)))
    }
    for entry in try stage.open(Stage.tree).entries().sorted(by: { $0.name < $1.name }) {
      let path = RelativePath.root.appending(entry.name.bytes)
      plan.steps.append(.moveIn(slot: Stage.slot(Stage.tree, path), path: path, staged: entry.inode))
    }
    return plan
  }

  /// Adds the staged tree to what a workspace holds.
  ///
  /// - Throws: `already_exists` with every path at which something is already; nothing is then changed.
  func merge(_ stage: Stage) throws {
    let folder = try workspaces.open(stage.workspace, for: .replace).directory
    if stage.isBeside, try folder.entries().isEmpty { return try replace(with: stage) }
    var merge = Merge()
    try merge.add(try stage.open(Stage.tree), to: folder, at: .root)
    guard merge.taken.isEmpty else { throw ProtocolError.entriesExist(merge.taken) }
    try carryOut(merge.plan, in: stage, folder: folder)
  }

  /// Throws `invalid_argument` where another workspace lies inside the one whose files make way.
  private func checkHoldsNoOther(_ stage: Stage) throws {
    let inner = workspaces.reading { table in
      table.living.first { $0.id != stage.workspace && FolderPath.contains(stage.folder, $0.path) }
    }
    guard let inner else { return }
    throw ProtocolError(
      .invalidArgument,
      "The workspace `\(inner.slug)` lies inside this one, and its files would be replaced too. Move it out, or delete "
        + "it with `files: keep`, and move its folder away.",
      extra: ["workspace": .string(inner.id)])
  }
}

/// What is to be moved in where, so that nothing that is there is touched.
private struct Merge {
  var plan = PlacementPlan()
  var taken: [RelativePath] = []

  mutating func add(_ staged: Directory, to folder: Directory, at path: RelativePath) throws {
    for entry in try staged.entries().sorted(by: { $0.name < $1.name }) {
      let path = path.appending(entry.name.bytes)
      let status = try staged.status(of: entry.name)
      switch try Place(directory: folder, name: entry.name).status()?.kind {
      case nil:
        // A folder goes in with all that it holds.
        if plan.folderTimes[path.parent] == nil { plan.folderTimes[path.parent] = try folder.status().modified }
        plan.steps.append(
          .moveIn(slot: Stage.slot(Stage.tree, path), path: path, staged: status.identity.inode))
      case .directory where status.kind == .directory:
        try add(
          Directory(adopting: try staged.open(entry.name, [.read, .directory])),
          to: Directory(adopting: try folder.open(entry.name, [.location, .directory])), at: path)
      default:
        taken.append(path)
      }
    }
  }
}
