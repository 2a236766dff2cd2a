package import BerthProtocol
import GRDB
import JSON
package import Platform
package import Storage
package import Streams
package import Supervisor
import Synchronization
package import Workspaces

/// Agents, their sessions and their runs.
///
/// A run is written down before it is begun, and every change of it before it is told. What an earlier server has begun
/// is taken over where its kind allows that, and told as `interrupted` where not.
package final class AgentService: Sendable {
  let services: AgentServices
  let catalogue: AgentCatalogue
  private let table = Mutex(RunTable())
  /// Changes with every change of a run.
  let changed = ChangeSignal()
  private let observers = Mutex<[@Sendable (AgentRun, [Permission]) -> Void]>([])

  /// - Parameter supervision: What programs are held with.
  package init(
    home: Home, database: Storage.Database, streams: StreamStore, workspaces: WorkspaceService, files: FileService,
    supervision: Supervision, config: @escaping @Sendable () -> Config
  ) throws {
    services = AgentServices(
      home: home, database: database, streams: streams, workspaces: workspaces, files: files, supervision: supervision,
      pool: WorkerPool(name: "run", maximumThreads: 64), config: config)
    catalogue = try AgentCatalogue(database: database, box: SecretBox(keyFile: home.secretKey), config: config)
  }

  /// Calls an observer at each change of a run, with the questions that were asked or answered.
  package func observe(_ observer: @escaping @Sendable (AgentRun, [Permission]) -> Void) {
    observers.withLock { $0.append(observer) }
  }

  /// How many runs have not ended.
  package var activeCount: Int { table.withLock { $0.contexts.count } }

  func withTable<T: Sendable>(_ body: (inout RunTable) throws -> T) rethrows -> T {
    try table.withLock { try body(&$0) }
  }

  // MARK: Carrying

  /// Makes what carries a run, and enters it.
  func enter(
    _ record: RunRecord, _ session: SessionRecord, _ agent: ResolvedAgent, directory: String, isTakenOver: Bool,
    open: [Permission] = []
  ) -> RunContext {
    let context = RunContext(
      record, session, agent, directory: directory, isTakenOver: isTakenOver, open: open, services
    ) { [weak self] run, permissions in self?.noteChange(run, permissions) }
    table.withLock { $0.contexts[record.run.id] = context }
    return context
  }

  /// Begins as many runs as may go on.
  func beginNext() {
    let limit = services.config().runs.maxRunning
    while let context = table.withLock({ table in
      table.queue.next(limit: limit) { services.config().agents?[$0]?.maxRunning ?? Int.max }
        .flatMap { table.contexts[$0] }
    }) {
      begin(context)
    }
  }

  func begin(_ context: RunContext) {
    let task = Task(executorPreference: services.pool) {
      await self.carry(context)
      self.leave(context)
      self.beginNext()
    }
    table.withLock { table in
      table.closings.removeValue(forKey: context.record.run.session)?.cancel()
      if table.contexts[context.id] != nil { table.tasks[context.id] = task }
    }
  }

  private func carry(_ context: RunContext) async {
    var timer: Task<Void, Never>?
    defer { timer?.cancel() }
    var ending: RunEnding
    do {
      if !context.isTakenOver { try start(context) }
      timer = watchDeadline(of: context)
      for permission in context.openPermissions { watchDeadline(of: permission, context) }
      if context.record.isCancelled { context.tell(.cancel(graceSeconds: Self.takenOverGraceSeconds)) }
      ending = try await context.agent.kind.driver.carry(context)
    } catch {
      ending = Self.ending(after: error)
      endPrograms(of: context)
    }
    // Where the disk is full, say, the run has not ended for anybody until that can be written down.
    while (try? context.end(ending)) == nil {
      guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
    }
    context.agent.kind.driver.cleanUp(context)
  }

  /// Ends what runs for a run that its driver can't go on with: nobody would hear it.
  private func endPrograms(of context: RunContext) {
    let record = context.record
    let others = [record.run.session] + record.driver.programs
    for name in (try? Directory(path: services.supervision.folder).entries().map(\.name.string)) ?? []
    where !name.hasSuffix(".log") && (name.hasPrefix(context.id) || others.contains(name)) {
      Leftovers.clear(name, in: services.supervision)
    }
  }

  /// How a run ends whose driver could not go on.
  private static func ending(after error: any Error) -> RunEnding {
    guard let error = error as? ShimError else {
      return .failed(.internal, ProtocolError(describing: error).message)
    }
    guard error.code == .launch else {
      return .failed(.agentLost, "What holds the agent's program does not answer: \(error).")
    }
    return .failed(.launchFailed, "The agent's program could not be started: \(error).")
  }

  private static let takenOverGraceSeconds = 10.0

  private func start(_ context: RunContext) throws {
    let session = try services.database.read { db in try SessionRecord.find(context.record.run.session, in: db) }
    if let session { context.adopt(session) }
    let seconds = context.deadlineSeconds
    try context.commit { changes in
      changes.become(.starting)
      guard let seconds else { return }
      let deadline = Timestamp.nanosecondsNow() + Int64(seconds * 1e9)
      changes.record.run.deadlineAt = Timestamp.string(nanosecondsSince1970: deadline)
    }
  }

  private func leave(_ context: RunContext) {
    let session = context.record.run.session
    table.withLock { table in
      table.contexts[context.id] = nil
      table.tasks[context.id] = nil
      table.queue.remove(context.id)
    }
    closeLater(session: session, context.agent.kind)
    changed.notify()
  }

  /// Ends what is kept for a session when no further run comes for a while.
  func closeLater(session: String, _ kind: AgentKind) {
    let seconds = services.config().runs.sessionIdleSeconds
    let task = Task(executorPreference: services.pool) {
      guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
      await kind.driver.close(session: session, self.services)
      self.table.withLock { _ = $0.closings.removeValue(forKey: session) }
    }
    table.withLock { $0.closings.updateValue(task, forKey: session)?.cancel() }
  }

  private func noteChange(_ run: AgentRun, _ permissions: [Permission]) {
    changed.notify()
    for observer in observers.withLock({ $0 }) { observer(run, permissions) }
    guard let context = table.withLock({ $0.contexts[run.id] }) else { return }
    for permission in permissions where permission.state == .open { watchDeadline(of: permission, context) }
  }

  // MARK: Deadlines

  private func watchDeadline(of context: RunContext) -> Task<Void, Never>? {
    guard let deadline = context.record.run.deadlineAt.flatMap({ Timestamp.nanoseconds(from: $0) }) else { return nil }
    return Task(executorPreference: services.pool) {
      let rest = deadline - Timestamp.nanosecondsNow()
      guard (try? await Task.sleep(for: .nanoseconds(max(0, rest)))) != nil else { return }
      context.tell(.deadline)
    }
  }

  /// Answers a question with no when its time is over.
  private func watchDeadline(of permission: Permission, _ context: RunContext) {
    guard let deadline = permission.deadlineAt.flatMap({ Timestamp.nanoseconds(from: $0) }) else { return }
    let task = Task(executorPreference: services.pool) {
      let rest = deadline - Timestamp.nanosecondsNow()
      guard (try? await Task.sleep(for: .nanoseconds(max(0, rest)))) != nil else { return }
      _ = try? context.resolve(
        permission.id, permission.options.first(.rejectOnce, else: .rejectAlways), by: .deadline)
    }
    context.watch(permission.id, task)
  }
}

/// The runs that have not ended.
struct RunTable {
  var queue = RunQueue()
  var contexts: [String: RunContext] = [:]
  /// What carries those that have begun.
  var tasks: [String: Task<Void, Never>] = [:]
  /// What ends the programs of sessions that nobody uses.
  var closings: [String: Task<Void, Never>] = [:]
}
