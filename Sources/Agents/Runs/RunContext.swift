import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Streams
import Supervisor
import Synchronization
import Workspaces

/// One run, as it is carried: what its driver works with, and the one place where it is changed.
///
/// Drivers, clients that say or answer something, and timers change a run from several threads; each change is made
/// with the lock held, from the look at the record to its commit.
final class RunContext: Sendable {
  let id: String
  let agent: ResolvedAgent
  let services: AgentServices
  /// The folder that the agent works in: an absolute path.
  let directory: String
  /// Whether an earlier server has begun it.
  let isTakenOver: Bool
  /// What the run is told. For one task.
  let signals: AsyncStream<RunSignal>
  private let sink: AsyncStream<RunSignal>.Continuation
  private let state: Mutex<State>
  private let observer: @Sendable (AgentRun, [Permission]) -> Void

  private struct State {
    var record: RunRecord
    var session: SessionRecord
    /// Questions that wait for an answer, the oldest first.
    var open: [Permission] = []
    /// What answers them when their time is over.
    var watches: [String: Task<Void, Never>] = [:]
    /// Nothing can be said any more.
    var isEnding = false
    /// A change is on its way into the database: others wait for it.
    var isBeingWritten = false
    var blocked: [Signal] = []
    /// What the observer is still to be told, once the lock is free.
    var news: [(AgentRun, [Permission])] = []
  }

  init(
    _ record: RunRecord, _ session: SessionRecord, _ agent: ResolvedAgent, directory: String, isTakenOver: Bool,
    open: [Permission], _ services: AgentServices, observer: @escaping @Sendable (AgentRun, [Permission]) -> Void
  ) {
    id = record.run.id
    self.agent = agent
    self.services = services
    self.directory = directory
    self.isTakenOver = isTakenOver
    self.observer = observer
    (signals, sink) = AsyncStream.makeStream()
    state = Mutex(State(record: record, session: session, open: open))
  }

  var record: RunRecord { state.withLock { $0.record } }
  var session: SessionRecord { state.withLock { $0.session } }
  var openPermissions: [Permission] { state.withLock { $0.open } }
  /// Words that must not be seen in any output.
  var secrets: [String] { Array(agent.secrets.values) }

  /// Tells the run something.
  func tell(_ signal: RunSignal) {
    sink.yield(signal)
  }

  /// How long it may take from its start.
  var deadlineSeconds: Double? { record.options.deadlineSeconds ?? agent.config.deadlineSeconds }

  /// Takes the session as the run before has left it.
  func adopt(_ session: SessionRecord) {
    state.withLock { $0.session = session }
  }

  /// Keeps what answers a question in the end, to be cancelled when somebody else does.
  func watch(_ permission: String, _ task: Task<Void, Never>) {
    let isOpen = state.withLock { state in
      guard state.open.contains(where: { $0.id == permission }) else { return false }
      state.watches.updateValue(task, forKey: permission)?.cancel()
      return true
    }
    if !isOpen { task.cancel() }
  }

  // MARK: Changing

  /// Changes the run: first in the database, events and all in one step, then in memory.
  @discardableResult
  func commit<T: Sendable>(_ body: (inout RunChanges) throws -> T) throws -> T {
    try changing { try change(&$0, body) }
  }

  /// The same for what can be written together with what other runs have to write: nothing is held up but this run.
  func commitShared(_ body: (inout RunChanges) throws -> Void) async throws {
    let prepared = try changing { state in
      let prepared = try prepare(state, body).prepared
      state.isBeingWritten = true
      return prepared
    }
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await services.commits.run { db in try self.write(prepared, in: db) })
    } catch {
      outcome = .failure(error)
    }
    let blocked = state.withLock { state in
      if case .success = outcome { take(prepared, in: &state) }
      state.isBeingWritten = false
      defer { state.blocked = [] }
      return state.blocked
    }
    for signal in blocked { signal.set() }
    tellNews()
    try outcome.get()
  }

  private func changing<T: Sendable>(_ body: (inout State) throws -> T) rethrows -> T {
    while true {
      let (result, isOver) = try state.withLock { state -> (T?, Signal?) in
        guard state.isBeingWritten else { return (try body(&state), nil) }
        let isOver = Signal()
        state.blocked.append(isOver)
        return (nil, isOver)
      }
      isOver?.wait()
      guard let result else { continue }
      tellNews()
      return result
    }
  }

  private func tellNews() {
    let news = state.withLock { state in
      defer { state.news = [] }
      return state.news
    }
    for (run, permissions) in news { observer(run, permissions) }
  }

  private func change<T: Sendable>(_ state: inout State, _ body: (inout RunChanges) throws -> T) throws -> T {
    let (prepared, result) = try prepare(state, body)
    try services.database.write { db in try write(prepared, in: db) }
    take(prepared, in: &state)
    return result
  }

  /// A change that is ready to be written.
  private struct Prepared: Sendable {
    let record: RunRecord
    let session: SessionRecord
    var changes: RunChanges

    var isNew: Bool { changes.record.$run != record.$run }
  }

  private func prepare<T>(
    _ state: State, _ body: (inout RunChanges) throws -> T
  ) throws -> (prepared: Prepared, result: T) {
    var changes = RunChanges(state.record, state.session)
    let result = try body(&changes)
    var prepared = Prepared(record: state.record, session: state.session, changes: changes)
    if prepared.isNew { prepared.changes.record.run.version += 1 }
    return (prepared, result)
  }

  private func write(_ prepared: Prepared, in db: GRDB.Database) throws {
    let (changes, streams) = (prepared.changes, services.streams)
    let run = changes.record.run
    let driver = changes.record.driver
    let isKept = driver == prepared.record.driver
    if !changes.events.isEmpty || !isKept {
      try streams.record(run.stream, changes.events, note: isKept ? nil : driver.jsonString, in: db)
    }
    if run.state.isFinal { try streams.close(run.stream, in: db) }
    try changes.record.update(from: prepared.record, in: db)
    try changes.session.update(from: prepared.session, in: db)
    for permission in changes.permissions { try permission.save(in: db) }
    if !changes.messages.isEmpty { try AgentMessages.append(changes.messages, to: run.session, in: db) }
    if let call = changes.idempotency { try Idempotency.record(NullResult(), of: call, in: db) }
    // Where it stands differs, not just what it has used.
    if run.state != prepared.record.run.state {
      try streams.record("events", type: EventType.agentRunState, payload: run, in: db)
    }
  }

  /// Takes over in memory what has been written.
  private func take(_ prepared: Prepared, in state: inout State) {
    let changes = prepared.changes
    state.record = changes.record
    state.session = changes.session
    for permission in changes.permissions {
      state.open.removeAll { $0.id == permission.id }
      if permission.state == .open {
        state.open.append(permission)
      } else {
        state.watches.removeValue(forKey: permission.id)?.cancel()
      }
    }
    if prepared.isNew || !changes.permissions.isEmpty { state.news.append((changes.record.run, changes.permissions)) }
  }

  // MARK: Turns

  /// Whether something was said that is still to be given to the agent.
  var waitingTurns: [RunRecord.Turn] { state.withLock { $0.record.turns } }

  /// Begins the next turn. Nil where there is none: then nothing can be said any more, and the run is to end.
  func beginTurn(_ also: (inout RunChanges, RunRecord.Turn) throws -> Void = { _, _ in }) throws -> RunRecord.Turn? {
    try changing { state in
      guard !state.record.turns.isEmpty else {
        state.isEnding = true
        return nil
      }
      return try change(&state) { changes in
        let turn = changes.beginTurn()
        if let turn { try also(&changes, turn) }
        return turn
      }
    }
  }

  /// Adds a turn, for a client.
  ///
  /// - Throws: `run_ended`.
  func say(_ turn: RunRecord.Turn, idempotency: Idempotency.Call?) throws {
    try changing { state in
      if let idempotency,
        try services.database.read({ db in try Idempotency.result(of: idempotency, in: db) }) != nil
      {
        return
      }
      guard !state.isEnding, !state.record.run.state.isFinal, !state.record.isCancelled else {
        throw ProtocolError(
          .runEnded,
          "The run \(id) has ended or is about to. Begin a new one of the session \(state.record.run.session).")
      }
      try change(&state) { changes in
        changes.record.turns.append(turn)
        changes.idempotency = idempotency
      }
    }
    tell(.said)
  }

  // MARK: Permissions

  /// Answers a question; false where it was answered before.
  func resolve(_ id: String, _ option: PermissionOption?, by: PermissionResolver) throws -> Permission? {
    let resolved = try changing { state -> Permission? in
      guard var permission = state.open.first(where: { $0.id == id }) else { return nil }
      let rest = state.open.filter { $0.id != id }
      try change(&state) { changes in
        changes.resolve(&permission, option, by: by)
        changes.goOn(openPermissions: rest)
      }
      return permission
    }
    if let resolved { tell(.answered(resolved)) }
    return resolved
  }

  /// Answers all that is open with nothing, since nobody will hear the answer.
  func dismissPermissions(by: PermissionResolver) throws {
    for permission in openPermissions { _ = try resolve(permission.id, nil, by: by) }
  }

  // MARK: Ending

  /// Writes down that somebody wants the run to end, and tells it.
  func cancel(graceSeconds: Double) throws {
    try changing { state in
      guard !state.record.run.state.isFinal, !state.record.isCancelled else { return }
      try change(&state) { $0.record.isCancelled = true }
    }
    tell(.cancel(graceSeconds: graceSeconds))
  }

  /// Writes down how the run ended, with its last event.
  func end(_ ending: RunEnding) throws {
    try dismissPermissions(by: .cancelled)
    try commit { changes in
      guard !changes.record.run.state.isFinal else { return }
      changes.record.run.endedAt = Timestamp.now()
      changes.record.run.pid = nil
      changes.record.turns = []
      let usage = changes.record.run.usage
      switch ending {
      case .completed(let reason, let exit):
        changes.record.run.stopReason = reason
        changes.record.run.exit = exit
        changes.become(.completed)
        changes.add(EventType.runCompleted) { RunCompleted(seq: $0, stopReason: reason, usage: usage, exit: exit) }
      case .cancelled(let exit):
        changes.record.run.stopReason = .cancelled
        changes.record.run.exit = exit
        changes.become(.cancelled)
        changes.add(EventType.runCompleted) {
          RunCompleted(seq: $0, stopReason: .cancelled, usage: usage, exit: exit)
        }
      case .failed(let type, let detail, let exit):
        changes.record.run.error = RunError(type: type, detail: detail)
        changes.record.run.exit = exit
        changes.become(.failed, detail: detail)
        changes.add(EventType.runFailed) { RunFailed(seq: $0, type: type, detail: detail, usage: usage, exit: exit) }
      case .interrupted(let detail):
        changes.record.run.error = RunError(type: .serverStopped, detail: detail)
        changes.become(.interrupted, detail: detail)
        changes.add(EventType.runFailed) { RunFailed(seq: $0, type: .serverStopped, detail: detail, usage: usage) }
      }
      changes.session.session.updatedAt = changes.record.run.endedAt ?? Timestamp.now()
      changes.session.session.version += 1
    }
    sink.finish()
  }
}
