package import BerthProtocol
internal import JSON
internal import Platform

extension FileService {
  /// Lists files and folders by path, as `file/list` does.
  ///
  /// A page begins right behind the path in its cursor and reads no more of the tree than it needs: entries that come
  /// and go meanwhile are told or not, all others exactly once.
  package func list(_ params: FileList.Params) throws -> FileList.Result {
    let start = try params.path.map(Self.path) ?? .root
    let filter = try ListFilter(params)
    let folder = try workspaces.open(params.workspace, for: .read).directory
    var walker = TreeWalker(root: folder)
    walker.start = start
    walker.maxDepth = params.depth
    walker.gitignore = params.gitignore
    walker.after = try params.cursor.map { try ListCursor.path($0, below: start) }
    walker.enters = { filter.enters($0) }
    walker.unreadable = { path, error in
      // A closed folder is told; what it holds is not for this user.
      if error.errno != SystemError.Code.access { throw error.about(path.description) }
    }
    return try telling(of: start) {
      try checkIsFolder(start, in: folder)
      return try page(walker, filter, limit: params.limit)
    }
  }

  private func checkIsFolder(_ path: RelativePath, in folder: Directory) throws {
    do {
      _ = try folder.openDirectory(path)
    } catch {
      guard error.errno == SystemError.Code.notDirectory else { throw error }
      throw ProtocolError(.notADirectory, "`\(path)` is not a folder. `file/stat` tells what it is.")
    }
  }

  private func page(_ walker: TreeWalker, _ filter: ListFilter, limit: Int) throws -> FilePage {
    var entries: [FileInfo] = []
    var last: RelativePath?
    var hasMore = false
    var budget = min(Self.maxPageBytes, maximumContentBytes() / 2)
    try walker.walk { entry in
      try checkCancellation()
      guard filter.shows(entry) else { return true }
      if entries.count == limit || (budget <= 0 && !entries.isEmpty) {
        hasMore = true
        return false
      }
      guard let info = try info(of: entry) else { return true }
      // What its row takes in JSON, at most.
      budget -= 256 + 6 * (entry.path.bytes.count + (info.target?.utf8.count ?? 0))
      entries.append(info)
      last = entry.path
      return true
    }
    return FilePage(entries: entries, nextCursor: hasMore ? last.map(ListCursor.text) : nil)
  }

  /// How much one page may take in JSON.
  private static let maxPageBytes = 8 << 20

  /// nil where the entry has gone meanwhile.
  private func info(of entry: TreeWalker.Entry) throws(SystemError) -> FileInfo? {
    do {
      let status = try entry.status()
      let target = status.kind == .link ? try entry.directory.readLink(entry.name) : nil
      return FileInfo(entry.path, status, target: target)
    } catch  where error.errno == SystemError.Code.notFound || error.errno == SystemError.Code.invalid {
      return nil
    }
  }
}

/// Which entries a listing tells.
struct ListFilter: Sendable {
  private let include: GlobSet?
  private let exclude: GlobSet?
  private let types: Set<FileType>?

  init(_ params: FileList.Params) throws(ProtocolError) {
    try self.init(include: params.include, exclude: params.exclude, types: params.types)
  }

  init(include: [String]?, exclude: [String]?, types: [FileType]? = nil) throws(ProtocolError) {
    self.include = if let include { try GlobSet(include) } else { nil }
    self.exclude = if let exclude { try GlobSet(exclude) } else { nil }
    self.types = types.map(Set.init)
  }

  /// Whether there are globs at all.
  var isSelective: Bool { include != nil || exclude != nil }

  func shows(_ entry: TreeWalker.Entry) -> Bool {
    if let types, !types.contains(FileType(entry.kind)) { return false }
    return shows(entry.path, isFolder: entry.kind == .directory)
  }

  /// Whether the globs let a path through.
  func shows(_ path: RelativePath, isFolder: Bool) -> Bool {
    if include == nil && exclude == nil { return true }
    let names = path.components
    if exclude?.matches(names, isFolder: isFolder) == true { return false }
    return include?.matches(names, isFolder: isFolder) ?? true
  }

  /// Whether a folder can hold anything to tell.
  func enters(_ entry: TreeWalker.Entry) -> Bool { enters(entry.path) }

  func enters(_ folder: RelativePath) -> Bool {
    if include == nil && exclude == nil { return true }
    let names = folder.components
    if exclude?.matches(names, isFolder: true) == true { return false }
    return include?.couldMatch(below: names) ?? true
  }
}

/// The position of a listing: the last path that was told.
private enum ListCursor {
  private static let prefix = "path:"

  static func text(_ path: RelativePath) -> String { prefix + Base64.encode(path.bytes) }

  static func path(_ text: String, below start: RelativePath) throws(ProtocolError) -> RelativePath {
    guard text.hasPrefix(prefix), let bytes = Base64.decode(String(text.dropFirst(prefix.count))),
      let path = try? RelativePath(bytes: bytes), start.contains(path), path != start
    else {
      throw ProtocolError(
        .invalidCursor, "The cursor was not made by this listing. Begin again without one.")
    }
    return path
  }
}
