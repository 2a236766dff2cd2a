package import BerthProtocol

extension WorkspaceService {
  /// How many bytes of metadata a page holds before it ends early.
  private static let pageBytes = 4 << 20

  /// What a cursor of this list begins with; the last id of the page follows.
  private static let cursorPrefix = "w."

  /// Lists workspaces, oldest first. Pages follow ids, so what is made or deleted meanwhile moves nothing.
  package func list(_ params: WorkspaceList_Params) throws -> WorkspaceList {
    let states = Set(params.states ?? [.active, .archived])
    let labels = params.labels ?? [:]
    let after = try params.cursor.map { try Self.position(of: $0) }
    let (page, isLast) = state.withLock { state in
      let table = state.table
      var page: [WorkspaceRecord] = []
      var bytes = 0
      var index = after.map { table.index(after: $0) } ?? 0
      while index < table.ids.count {
        defer { index += 1 }
        guard let record = table[table.ids[index]], states.contains(record.state),
          labels.allSatisfy({ record.labels[$0.key] == $0.value })
        else { continue }
        if page.count == params.limit || bytes > Self.pageBytes { return (page, false) }
        page.append(record)
        bytes += record.metadataBytes
      }
      return (page, true)
    }
    return WorkspaceList(
      workspaces: page.map(describe), nextCursor: isLast ? nil : page.last.map { Self.cursorPrefix + $0.id })
  }

  private static func position(of cursor: String) throws -> String {
    guard cursor.hasPrefix(cursorPrefix), cursor.utf8.count > cursorPrefix.utf8.count else {
      throw ProtocolError(.invalidCursor, "The cursor `\(cursor)` was not made by `workspace/list`. Begin without one.")
    }
    return String(cursor.dropFirst(cursorPrefix.count))
  }
}
