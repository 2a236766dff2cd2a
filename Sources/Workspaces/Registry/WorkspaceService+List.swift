package import BerthProtocol

extension WorkspaceService {
  /// About how many bytes a page may take before it ends early.
  private static let pageBytes = 4 << 20

  /// What a cursor of this list begins with; the last id of the page follows.
  private static let cursorPrefix = "w."

  /// Lists workspaces, oldest first. Pages follow ids, so what is made or deleted meanwhile moves nothing.
  package func list(_ params: WorkspaceList.Params) throws -> WorkspaceList.Result {
    let states = Set(params.states ?? [.active, .archived])
    let labels = params.labels ?? [:]
    let after = try params.cursor.map { try Self.position(of: $0) }
    let (page, isLast) = reading { table in
      var page: [WorkspaceRecord] = []
      var bytes = 0
      var index = after.map { table.index(after: $0) } ?? 0
      while index < table.ids.count {
        defer { index += 1 }
        guard let record = table[table.ids[index]], states.contains(record.state),
          labels.allSatisfy({ record.labels[$0.key] == $0.value })
        else { continue }
        if page.count == params.limit || bytes >= Self.pageBytes { return (page, false) }
        page.append(record)
        bytes += table.weight(of: record.id)
      }
      return (page, true)
    }
    return WorkspacePage(
      workspaces: page.map(describe), nextCursor: isLast ? nil : page.last.map { Self.cursorPrefix + $0.id })
  }

  private static func position(of cursor: String) throws -> String {
    guard cursor.hasPrefix(cursorPrefix), cursor.utf8.count > cursorPrefix.utf8.count else {
      throw ProtocolError(.invalidCursor, "The cursor `\(cursor)` was not made by `workspace/list`. Begin without one.")
    }
    return String(cursor.dropFirst(cursorPrefix.count))
  }
}
