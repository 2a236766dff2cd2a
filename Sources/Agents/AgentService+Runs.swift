package import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Streams
import Synchronization
import Workspaces

/// `agentRun/*`.
extension AgentService {
  package func start(_ params: AgentRunStart.Params) throws -> AgentRunStarted {
    let call = params.idempotencyKey.map {
      Idempotency.Call(scope: AgentRunStart.description.name, key: $0, params: params)
    }
    if let first = try repetition(of: call) { return first }
    let session = try params.session.map { try find(session: $0) }
    let agent = try agent(for: params, session)
    let workspace = try workspace(for: params, session)
    try check(params.prompt, for: agent, workspace: workspace.id)
    let (record, newSession) = makeRecords(params, agent, workspace.id, session)
    let directory = workspace.path + (agent.config.cwd.map { "/" + $0 } ?? "")
    try withTable { table in
      guard table.queue.waiting.count < services.config().runs.maxQueued else {
        throw ProtocolError(
          .limitReached, "\(table.queue.waiting.count) runs wait already, as many as may. Try again later.",
          detail: "runs.maxQueued")
      }
    }
    let started = AgentRunStarted(run: record.run, created: true)
    let first = try services.database.write { db -> AgentRunStarted? in
      if let call, let first = try Idempotency.result(of: call, in: db) {
        return try Decoding.decode(AgentRunStarted.self, from: first)
      }
      if session == nil { try newSession.insert(in: db) }
      try record.insert(in: db)
      try db.execute(
        sql: "UPDATE agent_sessions SET updated_at = ? WHERE id = ?",
        arguments: [record.run.createdAt, record.run.session])
      try services.streams.record(
        record.run.stream, type: EventType.runState, payload: RunStateChange(seq: 1, state: .queued), in: db)
      try services.streams.record("events", type: EventType.agentRunState, payload: record.run, in: db)
      if let call { try Idempotency.record(started, of: call, in: db) }
      return nil
    }
    if let first { return AgentRunStarted(run: try get(run: first.run.id), created: false) }
    _ = enter(record, newSession, agent, directory: directory, isTakenOver: false)
    withTable { $0.queue.add(Self.entry(record.run)) }
    beginNext()
    return started
  }

  static func entry(_ run: AgentRun) -> RunQueue.Entry {
    RunQueue.Entry(id: run.id, session: run.session, agent: run.agent, priority: run.priority)
  }

  private func repetition(of call: Idempotency.Call?) throws -> AgentRunStarted? {
    guard let call,
      let first = try services.database.read({ db in try Idempotency.result(of: call, in: db) })
    else { return nil }
    let started = try Decoding.decode(AgentRunStarted.self, from: first)
    return AgentRunStarted(run: try get(run: started.run.id), created: false)
  }

  private func agent(for params: AgentRunStart.Params, _ session: SessionRecord?) throws -> ResolvedAgent {
    if let session, let name = params.agent, name != session.session.agent {
      throw ProtocolError(
        .invalidArgument,
        "The session \(session.session.id) is one of `\(session.session.agent)`. Leave out `agent`, or begin a new one."
      )
    }
    guard let name = session?.session.agent ?? params.agent ?? catalogue.defaultAgent else {
      let names = catalogue.names
      throw ProtocolError(
        .agentNotFound,
        names.isEmpty
          ? "No agent is declared. Declare one with `config/update` under `agents`, or name one of the presets of `agent/list`."
          : "Name the agent: \(names.joined(separator: ", ")); or set `runs.defaultAgent`.")
    }
    return try catalogue.usable(name)
  }

  private func workspace(for params: AgentRunStart.Params, _ session: SessionRecord?) throws -> Workspace {
    let named = try params.workspace.map { try services.workspaces.resolve($0) }
    if let session {
      if let named, named.id != session.session.workspace {
        throw ProtocolError(
          .invalidArgument, "The session \(session.session.id) belongs to another workspace. Leave out `workspace`.")
      }
      return try active(try services.workspaces.resolve(session.session.workspace))
    }
    guard let named else { throw ProtocolError(.invalidArgument, "Name the workspace, or a session to go on with.") }
    return try active(named)
  }

  private func active(_ workspace: Workspace) throws -> Workspace {
    guard workspace.state != .archived else {
      throw ProtocolError(
        .workspaceArchived, "The workspace `\(workspace.slug)` is archived. Make it `active` first.")
    }
    return workspace
  }

  private func makeRecords(
    _ params: AgentRunStart.Params, _ agent: ResolvedAgent, _ workspace: String, _ session: SessionRecord?
  ) -> (RunRecord, SessionRecord) {
    let now = Timestamp.now()
    let words = params.prompt.words
    let session =
      session
      ?? SessionRecord(
        session: AgentSession(
          id: Identifier.make("ags"), agent: agent.name, workspace: workspace,
          title: params.title ?? Self.title(of: words), runs: 0, createdAt: now, updatedAt: now, version: 1))
    let id = Identifier.make("run")
    let run = AgentRun(
      id: id, session: session.session.id, agent: agent.name, workspace: workspace, state: .queued,
      stream: "run/\(id)", prompt: String(words.prefix(400)),
      permissions: params.permissions ?? agent.config.permissions, priority: params.priority, usage: RunUsage(),
      version: 1, createdAt: now)
    let options = RunRecord.StartOptions(
      mode: params.mode, options: params.options ?? [:],
      permissionSeconds: params.permissionSeconds ?? services.config().runs.permissionSeconds,
      deadlineSeconds: params.deadlineSeconds)
    let turn = RunRecord.Turn(prompt: params.prompt, mode: .followUp)
    return (RunRecord(run: run, turns: [turn], options: options, lastSeq: 1), session)
  }

  private static func title(of words: String) -> String {
    let line = words.split(whereSeparator: \.isNewline).first ?? "Untitled"
    return line.count > 80 ? line.prefix(79) + "…" : String(line)
  }

  // MARK: Prompts

  private func check(_ prompt: [ContentBlock], for agent: ResolvedAgent, workspace: String) throws {
    for (index, block) in prompt.enumerated() {
      if let fault = try fault(of: block, workspace: workspace) {
        throw ProtocolError(.promptInvalid, "Block \(index + 1) of the prompt can't be used: \(fault)", detail: fault)
      }
    }
    if let fault = agent.kind.driver.fault(of: prompt, for: agent) {
      throw ProtocolError(.promptInvalid, fault)
    }
  }

  private func fault(of block: ContentBlock, workspace: String) throws -> String? {
    switch block.type {
    case .text: return block.text?.isEmpty ?? true ? "A `text` needs `text`." : nil
    case .image:
      if let data = block.data { return Base64.decode(data) == nil ? "Its `data` is not base64." : nil }
      guard let path = block.path else { return "An `image` needs `data` or `path`." }
      return try fault(ofFile: path, workspace)
    case .resource:
      guard block.uri != nil else { return "A `resource` needs `uri`." }
      if let data = block.data { return Base64.decode(data) == nil ? "Its `data` is not base64." : nil }
      return block.text == nil ? "A `resource` needs `text` or `data`." : nil
    case .file:
      guard let path = block.path else { return "A `file` needs `path`." }
      return try fault(ofFile: path, workspace)
    }
  }

  private func fault(ofFile path: String, _ workspace: String) throws -> String? {
    do {
      _ = try services.files.stat(FileStat.Params(workspace: workspace, path: path))
      return nil
    } catch {
      return ProtocolError(describing: error).message
    }
  }

  // MARK: Reading

  package func get(_ params: AgentRunGet.Params) async throws -> AgentRun {
    _ = try get(run: params.run)
    if params.waitSeconds > 0 {
      try await changed.wait(seconds: params.waitSeconds) {
        guard let context = self.withTable({ $0.contexts[params.run] }) else { return true }
        return params.until == .question && context.record.run.permission != nil
      }
    }
    return try get(run: params.run)
  }

  private func isActive(_ run: String) -> Bool { withTable { $0.contexts[run] != nil } }

  /// - Throws: `run_not_found`.
  func get(run id: String) throws -> AgentRun {
    if let context = withTable({ $0.contexts[id] }) { return placed(context.record.run) }
    guard let record = try services.database.read({ db in try RunRecord.find(id, in: db) }) else {
      throw ProtocolError(.runNotFound, "There is no run \(id). `agentRun/list` tells which there are.")
    }
    return record.run
  }

  private func placed(_ run: AgentRun) -> AgentRun {
    var run = run
    run.place = withTable { $0.queue.place(of: run.id) }
    return run
  }

  package func list(_ params: AgentRunList.Params) throws -> AgentRunPage {
    let workspace = try params.workspace.map {
      try services.workspaces.resolve($0, includingDeleted: true).id
    }
    let session = try params.session.map { try find(session: $0).session.id }
    var conditions = ["TRUE"]
    var arguments: [(any DatabaseValueConvertible)?] = []
    func require(_ condition: String, _ values: [(any DatabaseValueConvertible)?]) {
      conditions.append(condition)
      arguments += values
    }
    if let workspace { require("workspace = ?", [workspace]) }
    if let session { require("session = ?", [session]) }
    if let states = params.states {
      let marks = states.map { _ in "?" }.joined(separator: ", ")
      require("state IN (\(marks))", states.map(\.rawValue))
    }
    if let cursor = params.cursor {
      guard cursor.hasPrefix("run_") else { throw Self.invalidCursor(cursor, AgentRunList.description.name) }
      require("id < ?", [cursor])
    }
    let sql = "SELECT run FROM agent_runs WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?"
    arguments.append(params.limit + 1)
    let values = StatementArguments(arguments)
    var runs = try services.database.read { db in
      try String.fetchAll(db, sql: sql, arguments: values).map {
        try Decoding.decode(AgentRun.self, from: JSONParser.parse($0))
      }
    }
    let hasMore = runs.count > params.limit
    if hasMore { runs.removeLast() }
    return AgentRunPage(runs: runs.map(placed), nextCursor: hasMore ? runs.last?.id : nil)
  }

  static func invalidCursor(_ cursor: String, _ method: String) -> ProtocolError {
    ProtocolError(
      .invalidCursor, "The cursor was not made by `\(method)`. Pass the page's `nextCursor`, or none.",
      detail: "cursor \(cursor.prefix(64))")
  }

  /// The questions of a run that wait for an answer, the oldest first.
  package func openPermissions(of run: String) -> [Permission] {
    withTable { $0.contexts[run] }?.openPermissions ?? []
  }

  // MARK: Steering

  package func cancel(_ params: AgentRunCancel.Params) async throws -> AgentRun {
    guard let context = withTable({ $0.contexts[params.run] }) else { return try get(run: params.run) }
    let isWaiting = withTable { table in
      guard table.queue.place(of: params.run) != nil else { return false }
      table.queue.remove(params.run)
      table.contexts[params.run] = nil
      return true
    }
    if isWaiting {
      try context.end(.cancelled())
      changed.notify()
    } else {
      try context.cancel(graceSeconds: params.graceSeconds)
      // An end that can't be written down, since the disk is full, is not waited for without end.
      try await changed.wait(seconds: params.graceSeconds + 30) { !self.isActive(params.run) }
    }
    return try get(run: params.run)
  }

  package func send(_ params: AgentRunSend.Params) throws -> AgentRun {
    let run = try get(run: params.run)
    guard let context = withTable({ $0.contexts[params.run] }) else {
      throw ProtocolError(
        .runEnded, "The run \(run.id) has ended. Begin a new one of the session \(run.session).")
    }
    try check(params.prompt, for: context.agent, workspace: run.workspace)
    if params.mode == .steer, !context.agent.kind.driver.canSteer(context.agent) {
      throw ProtocolError(
        .notSupported, "`\(run.agent)` can't be told something while it works. Send it as a `follow_up`.")
    }
    let call = params.idempotencyKey.map {
      Idempotency.Call(scope: "\(AgentRunSend.description.name) \(run.id)", key: $0, params: params)
    }
    try context.say(RunRecord.Turn(prompt: params.prompt, mode: params.mode), idempotency: call)
    return try get(run: params.run)
  }

  package func respond(_ params: AgentRunRespondPermission.Params) throws -> Permission {
    guard let permission = try services.database.read({ db in try Permission.find(params.permission, in: db) }) else {
      throw ProtocolError(.permissionNotFound, "There is no question \(params.permission).")
    }
    var option: PermissionOption?
    if let id = params.option {
      option = permission.options.first { $0.id == id }
      guard option != nil else {
        let ids = permission.options.map { "`\($0.id)`" }.joined(separator: ", ")
        throw ProtocolError(.invalidArgument, "The question has no option `\(id)`. It has \(ids).")
      }
    }
    if let context = withTable({ $0.contexts[permission.run] }),
      let resolved = try context.resolve(permission.id, option, by: .client)
    {
      return resolved
    }
    let now = try services.database.read { db in try Permission.find(permission.id, in: db) } ?? permission
    throw ProtocolError(
      .permissionResolved, "The question was answered before.", extra: ["permission": now.jsonValue()])
  }
}
