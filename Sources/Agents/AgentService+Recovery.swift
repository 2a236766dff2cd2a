import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Supervisor
import Workspaces

extension AgentService {
  /// Takes over what an earlier server has left: what can go on does, what can't is told as interrupted, what waits goes
  /// on waiting.
  package func recover() throws {
    let found = try services.database.read { db in
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT \(RunRecord.columns) FROM agent_runs
          WHERE state IN ('queued', 'starting', 'running', 'waiting') ORDER BY id
          """)
      return try rows.map { row in
        let record = try RunRecord(row, in: db)
        return (record, try Permission.open(of: record.run.id, in: db))
      }
    }
    for (record, open) in found { try recover(record, open) }
    clearLeftovers()
    beginNext()
  }

  private func recover(_ record: RunRecord, _ open: [Permission]) throws {
    let run = record.run
    let session = try find(session: run.session)
    let agent: ResolvedAgent
    let directory: String
    do {
      agent = try catalogue.usable(run.agent)
      directory = try services.workspaces.resolve(run.workspace).path + (agent.config.cwd.map { "/" + $0 } ?? "")
    } catch {
      return try end(
        record, session, .failed(.launchFailed, ProtocolError(describing: error).message), open: open)
    }
    if run.state == .queued {
      if record.isCancelled { return try end(record, session, .cancelled(), open: open) }
      _ = enter(record, session, agent, directory: directory, isTakenOver: false)
      withTable { $0.queue.add(Self.entry(run)) }
    } else if agent.kind.driver.outlivesServer {
      let context = enter(record, session, agent, directory: directory, isTakenOver: true, open: open)
      withTable { $0.queue.addRunning(Self.entry(run)) }
      begin(context)
    } else {
      try end(
        record, session,
        .interrupted(
          "The server died while the run went on. What was said is kept: begin a new run of the session \(run.session)."
        ),
        open: open)
    }
  }

  /// Ends a run that nobody carries.
  private func end(_ record: RunRecord, _ session: SessionRecord, _ ending: RunEnding, open: [Permission]) throws {
    let agent = ResolvedAgent(
      name: record.run.agent, kind: .command, title: record.run.agent, config: AgentConfig(), secrets: [:])
    let context = RunContext(
      record, session, agent, directory: "", isTakenOver: true, open: open, services, observer: { _, _ in })
    var text = try MessageText(from: record.driver["message"]?.intValue, of: context)
    try context.commit { text.end(in: &$0) }
    try context.end(ending)
  }

  /// Ends programs whose runs are over, and sees to it that those which sessions keep are ended in time.
  private func clearLeftovers() {
    let (runs, sessions) = withTable { table in
      (Set(table.contexts.keys), Set(table.contexts.values.map(\.record.run.session)))
    }
    // A program of a run carries the run's id, and maybe more behind a point.
    let programs = Set(withTable { table in table.contexts.values.flatMap { $0.record.driver.programs } })
    let names = (try? Directory(path: services.supervision.folder).entries().map(\.name.string)) ?? []
    for name in names {
      let id = String(name.prefix { $0 != "." })
      if id.hasPrefix("ags_") {
        guard !sessions.contains(id), !name.contains(".") else { continue }
        if (try? find(session: id)) != nil {
          closeLater(session: id, .acp)
        } else {
          Leftovers.clear(name, in: services.supervision)
          Leftovers.clear(name + ".log", in: services.supervision)
        }
      } else if id.hasPrefix("prb_") || id.hasPrefix("run_") && !runs.contains(id)
        || id.hasPrefix("trm_") && !programs.contains(id)
      {
        Leftovers.clear(name, in: services.supervision)
      }
    }
  }
}

extension JSONObject {
  /// The programs that a driver's state names, beside the run's own.
  var programs: [String] { self["programs"]?.arrayValue?.compactMap(\.stringValue) ?? [] }
}
