internal import BerthProtocol
internal import Platform

/// What must be done to a workspace's folder to bring a snapshot back, found by comparing two manifests.
struct RestorePlan {
  /// Something that is put together in the stage before anything is changed.
  struct Staged {
    /// Where in the stage.
    var slot: RelativePath
    var entry: SnapshotManifest.Entry
  }

  private(set) var staged: [Staged] = []
  /// How many entries are right already.
  private(set) var unchanged = 0
  /// Folders that are removed if they are empty then.
  var removedFolders: [RelativePath] { removals.map(\.path) }
  /// How many files and links make way for good.
  private(set) var removedFiles = 0
  /// How many files and links are written.
  var written: Int { staged.count { !$0.entry.isDirectory } }

  private let scope: RestoreScope
  private let isIgnored: (RelativePath, Bool) -> Bool
  private let attributes: [RelativePath: FolderAttributes]
  private var moveOuts: [PlacementStep] = []
  private var arrivals: [(slot: RelativePath, path: RelativePath, replaces: Bool)] = []
  private var settings: [RelativePath: (before: FileAttributes, after: FileAttributes)] = [:]
  private var touched: [RelativePath: Int64] = [:]
  private var removals: [SnapshotManifest.Entry] = []
  /// The folder that is being brought back whole, and its slot.
  private var arriving: (path: RelativePath, slot: RelativePath)?

  /// - Parameters:
  ///   - now: What is in the folder, all of which the undo snapshot holds.
  ///   - isIgnored: Whether the snapshot left an entry out as ignored.
  ///   - attributes: The owners and permissions of the folders that are there.
  init(
    from now: SnapshotManifest, to then: SnapshotManifest, _ scope: RestoreScope,
    attributes: [RelativePath: FolderAttributes], isIgnored: @escaping (_ path: RelativePath, _ isFolder: Bool) -> Bool
  ) {
    self.scope = scope
    self.isIgnored = isIgnored
    self.attributes = attributes
    let replacedFolders = Self.foldersThatMakeWay(now, then, scope)
    ManifestPair.forEach(now.entries, then.entries) { pair in
      if let entry = pair.after, scope.contains(entry.path) || (entry.isDirectory && scope.isBelow(entry.path)) {
        bringBack(entry, over: pair.before)
      } else if let entry = pair.before, scope.isWhole || replacedFolders.contains(where: { $0.contains(entry.path) }) {
        remove(entry)
      }
    }
    for (path, modified) in now.entries.lazy.filter(\.isDirectory).map({ ($0.path, $0.modified) })
    where touched[path] != nil {
      touched[path] = modified
      // Its time changes with what it holds, and is then set to what it was or should be.
      if settings[path] == nil, let entry = then[path], scope.contains(path), let here = now[path] {
        settings[path] = (FileAttributes(here), FileAttributes(entry))
      }
    }
  }

  /// Folders in whose place the snapshot holds a file or a link.
  private static func foldersThatMakeWay(
    _ now: SnapshotManifest, _ then: SnapshotManifest, _ scope: RestoreScope
  ) -> [RelativePath] {
    var folders: [RelativePath] = []
    ManifestPair.forEach(now.entries, then.entries) { pair in
      if let before = pair.before, let after = pair.after, before.isDirectory, !after.isDirectory,
        scope.contains(after.path)
      {
        folders.append(before.path)
      }
    }
    return folders
  }

  private mutating func bringBack(_ entry: SnapshotManifest.Entry, over now: SnapshotManifest.Entry?) {
    if let arriving, arriving.path.contains(entry.path) {
      staged.append(
        Staged(slot: arriving.slot.appending(entry.path.relative(to: arriving.path)), entry: entry))
      return
    }
    arriving = nil
    guard let now else { return arrive(entry, replaces: false) }
    switch (now.kind, entry.kind) {
    case (.directory, .directory):
      guard scope.contains(entry.path) else { return }
      if now.permissions != entry.permissions || now.modified != entry.modified {
        settings[entry.path] = (FileAttributes(now), FileAttributes(entry))
      }
    case (.file(let one, _), .file(let other, _)) where one == other: keep(entry, now)
    case (.link(let one), .link(let other)) where one == other: keep(entry, now)
    case (.directory, _):
      remove(now)
      arrive(entry, replaces: false)
    case (_, .directory):
      moveOut(now)
      arrive(entry, replaces: false)
    default:
      arrive(entry, replaces: true)
    }
  }

  private mutating func keep(_ entry: SnapshotManifest.Entry, _ now: SnapshotManifest.Entry) {
    unchanged += 1
    if now.permissions != entry.permissions || now.modified != entry.modified {
      settings[entry.path] = (FileAttributes(now), FileAttributes(entry))
    }
  }

  private mutating func arrive(_ entry: SnapshotManifest.Entry, replaces: Bool) {
    let slot = Stage.slot(Stage.new, RelativePath.root.appending(Array(String(arrivals.count).utf8)))
    arrivals.append((slot, entry.path, replaces))
    staged.append(Staged(slot: slot, entry: entry))
    touched[entry.path.parent] = 0
    if entry.isDirectory { arriving = (entry.path, slot) }
  }

  private mutating func remove(_ entry: SnapshotManifest.Entry) {
    if entry.path.isRoot || isIgnored(entry.path, entry.isDirectory) { return }
    if entry.isDirectory {
      removals.append(entry)
      touched[entry.path] = entry.modified
      touched[entry.path.parent] = touched[entry.path.parent] ?? 0
    } else {
      removedFiles += 1
      moveOut(entry)
    }
  }

  private mutating func moveOut(_ entry: SnapshotManifest.Entry) {
    let slot = Stage.slot(Stage.old, RelativePath.root.appending(Array(String(moveOuts.count).utf8)))
    moveOuts.append(.moveOut(path: entry.path, slot: slot))
    touched[entry.path.parent] = touched[entry.path.parent] ?? 0
  }

  /// The changes, once all is staged.
  ///
  /// - Parameter inode: The inode number of what is staged in a slot.
  func placement(inode: (RelativePath) throws -> UInt64) throws -> PlacementPlan {
    var plan = PlacementPlan(steps: moveOuts, folderTimes: touched)
    for entry in removals.reversed() {
      let was = attributes[entry.path] ?? FolderAttributes(permissions: entry.permissions, owner: 0, group: 0)
      plan.steps.append(.removeFolder(path: entry.path, was: was))
    }
    for arrival in arrivals {
      let inode = try inode(arrival.slot)
      plan.steps.append(
        arrival.replaces
          ? .exchange(slot: arrival.slot, path: arrival.path, staged: inode)
          : .moveIn(slot: arrival.slot, path: arrival.path, staged: inode))
    }
    // The inner ones first: setting one changes nothing of the others.
    for (path, setting) in settings.sorted(by: { $1.key < $0.key }) {
      plan.steps.append(.setAttributes(path: path, before: setting.before, after: setting.after))
    }
    return plan
  }
}

extension FileAttributes {
  fileprivate init(_ entry: SnapshotManifest.Entry) {
    self.init(permissions: entry.permissions, modified: entry.modified)
  }
}
