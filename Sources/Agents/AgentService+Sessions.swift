package import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Streams
import Supervisor
import Workspaces

/// `agentSession/*`.
extension AgentService {
  /// - Throws: `session_not_found`.
  func find(session id: String) throws -> SessionRecord {
    guard let record = try services.database.read({ db in try SessionRecord.find(id, in: db) }) else {
      throw ProtocolError(.sessionNotFound, "There is no session \(id). `agentSession/list` tells which there are.")
    }
    return record
  }

  package func get(_ params: AgentSessionGet.Params) throws -> AgentSession {
    let session = try find(session: params.session).session
    return try services.database.read { db in try Self.counted(session, in: db) }
  }

  /// With what its runs tell.
  private static func counted(_ session: AgentSession, in db: GRDB.Database) throws -> AgentSession {
    let statement = try db.cachedStatement(sql: "SELECT COUNT(*), MAX(id) FROM agent_runs WHERE session = ?")
    guard let row = try Row.fetchOne(statement, arguments: [session.id]) else { return session }
    var session = session
    session.runs = row[0]
    session.lastRun = row[1]
    return session
  }

  package func list(_ params: AgentSessionList.Params) throws -> AgentSessionPage {
    var conditions = ["TRUE"]
    var arguments: [(any DatabaseValueConvertible)?] = []
    if let reference = params.workspace {
      conditions.append("workspace = ?")
      arguments.append(try services.workspaces.resolve(reference, includingDeleted: true).id)
    }
    if let agent = params.agent {
      conditions.append("agent = ?")
      arguments.append(agent)
    }
    if let cursor = params.cursor {
      let parts = cursor.split(separator: "|")
      guard parts.count == 2 else { throw Self.invalidCursor(cursor, AgentSessionList.description.name) }
      conditions.append("(updated_at, id) < (?, ?)")
      arguments += [String(parts[0]), String(parts[1])]
    }
    let sql = """
      SELECT session, updated_at FROM agent_sessions WHERE \(conditions.joined(separator: " AND "))
      ORDER BY updated_at DESC, id DESC LIMIT ?
      """
    arguments.append(params.limit + 1)
    let values = StatementArguments(arguments)
    var rows = try services.database.read { db in
      try Row.fetchAll(db, sql: sql, arguments: values).map { row in
        let session = try Decoding.decode(AgentSession.self, from: JSONParser.parse(row[0] as String))
        return (try Self.counted(session, in: db), row[1] as String)
      }
    }
    let hasMore = rows.count > params.limit
    if hasMore { rows.removeLast() }
    let next = hasMore ? rows.last.map { "\($0.1)|\($0.0.id)" } : nil
    return AgentSessionPage(sessions: rows.map { $0.0 }, nextCursor: next)
  }

  // MARK: History

  /// What is told of a run's past; the pieces of texts are left out, and what a program does besides.
  private static let historyTypes = [
    EventType.message, EventType.toolCall, EventType.toolUpdate, EventType.plan, EventType.permissionRequested,
    EventType.permissionResolved, EventType.fileChanged, EventType.output, EventType.runCompleted,
    EventType.runFailed,
  ]

  package func history(_ params: AgentSessionHistory.Params) throws -> AgentHistoryPage {
    let session = try find(session: params.session).session.id
    var (run, after) = try Self.place(of: params.cursor)
    let runs = try services.database.read { db in
      try String.fetchAll(
        db, sql: "SELECT id FROM agent_runs WHERE session = ? AND id >= ? ORDER BY id", arguments: [session, run ?? ""])
    }
    let filter = TypeFilter(Self.historyTypes)
    var page = AgentHistoryPage(events: [])
    for id in runs {
      if id != run { after = nil }
      run = id
      guard let journal = try? services.streams.journal("run/\(id)") else { continue }
      var position = try after.map { try journal.position(of: $0) }
      while true {
        let batch = try journal.read(after: position, limitBytes: 256 << 10, filter: filter)
        let events = try JSONParser.parse([UInt8(ascii: "[")] + batch.events + [UInt8(ascii: "]")]).arrayValue ?? []
        for event in events {
          let event = try Decoding.decode(StreamEvent.self, from: event)
          guard page.events.count < params.limit else {
            page.nextCursor = "\(id)|\(after ?? "")"
            return page
          }
          page.events.append(
            AgentHistoryEvent(run: id, time: event.time, type: event.type, payload: event.payload))
          after = event.cursor
        }
        position = batch.position
        if batch.caughtUp || batch.end != nil { break }
      }
    }
    return page
  }

  private static func place(of cursor: String?) throws -> (run: String?, after: String?) {
    guard let cursor else { return (nil, nil) }
    let parts = cursor.split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].hasPrefix("run_") else {
      throw invalidCursor(cursor, AgentSessionHistory.description.name)
    }
    return (String(parts[0]), parts[1].isEmpty ? nil : String(parts[1]))
  }

  // MARK: Deleting

  package func delete(_ params: AgentSessionDelete.Params) async throws -> AgentSession {
    let session = try get(AgentSessionGet.Params(session: params.session))
    try await delete(session: session.id, agent: session.agent)
    return session
  }

  private func delete(session: String, agent: String) async throws {
    let active = withTable { table in table.contexts.values.filter { $0.record.run.session == session }.map(\.id) }
    for run in active { _ = try await cancel(AgentRunCancel.Params(run: run, graceSeconds: 2)) }
    withTable { _ = $0.closings.removeValue(forKey: session)?.cancel() }
    if let kind = (try? catalogue.resolve(agent))?.kind { await kind.driver.close(session: session, services) }
    HeldProgram.remove(session, supervision: services.supervision)
    try services.database.write { db in
      for run in try String.fetchAll(db, sql: "SELECT id FROM agent_runs WHERE session = ?", arguments: [session]) {
        try services.streams.remove("run/\(run)", in: db)
        try db.execute(sql: "DELETE FROM agent_permissions WHERE run = ?", arguments: [run])
      }
      for table in ["agent_runs", "agent_messages"] {
        try db.execute(sql: "DELETE FROM \(table) WHERE session = ?", arguments: [session])
      }
      try db.execute(sql: "DELETE FROM agent_sessions WHERE id = ?", arguments: [session])
    }
  }

  /// Ends and forgets what belongs to a workspace that is being deleted.
  package func workspaceDeleted(_ workspace: String) async {
    let runs = withTable { table in table.contexts.values.filter { $0.record.run.workspace == workspace }.map(\.id) }
    await withTaskGroup { group in
      for run in runs {
        group.addTask { _ = try? await self.cancel(AgentRunCancel.Params(run: run, graceSeconds: 2)) }
      }
    }
  }

  /// Forgets sessions that nobody has used for long, and those of workspaces that are gone for good.
  package func maintain() async throws {
    let days = services.config().runs.keepDays
    let limit = Timestamp.nanosecondsNow() - Int64(days) * 86_400_000_000_000
    let oldest = days == 0 ? "" : Timestamp.string(nanosecondsSince1970: limit)
    let sessions = try services.database.read { db in
      try Row.fetchAll(
        db,
        sql:
          "SELECT id, agent FROM agent_sessions WHERE updated_at < ? OR workspace NOT IN (SELECT id FROM workspaces)",
        arguments: [oldest]
      ).map { ($0[0] as String, $0[1] as String) }
    }
    let busy = withTable { table in Set(table.contexts.values.map(\.record.run.session)) }
    for (session, agent) in sessions where !busy.contains(session) {
      try await delete(session: session, agent: agent)
    }
  }
}
