import BerthProtocol
import JSON
import Jobs
import Platform
import SSH
import Synchronization

/// The work of one job for one connection.
final class ConnectionRun: Sendable {
  let id: String
  let service: ConnectionService
  let context: JobContext
  private let state = Mutex(State())

  private struct State {
    var connection: ResourceConnection?
    var facts: InstanceFacts?
    var step = ConnectionStep.connect
    var title = ""
    var done = 0
    var masked: [String] = []
  }

  init(_ id: String, _ service: ConnectionService, _ context: JobContext) {
    self.id = id
    self.service = service
    self.context = context
  }

  /// The instance's id and name.
  var target: String { state.withLock { $0.connection?.targetResourceId ?? "" } }
  var machineName: String { state.withLock { $0.connection?.targetName ?? "" } }
  var masked: [String] { state.withLock { $0.masked } }

  // MARK: Carrying out

  /// Does what the connection's activity says. However it ends, the connection tells so; only where the server stops,
  /// it is left for the next one.
  func carry() async throws -> JSONObject {
    do {
      var pause = 1.0
      while try await isHeldUp() {
        try await roomOnDisk(after: pause)
        pause = min(pause * 2, 60)
      }
    } catch {
      if context.isServerStopping { throw error }
      let isCancelled = error is CancellationError || context.isCancelled
      let error = ProtocolError(reaching: machineName, isCancelled ? CancellationError() : error)
      let step = state.withLock { $0.step }
      report(step, .failed, error.message)
      if isCancelled { context.output("Cancelled.") }
      service.fail(id, error, step: step)
      throw isCancelled ? CancellationError() : error
    }
    return try service.get(id).jsonValue().objectValue ?? [:]
  }

  /// - Returns: Whether this server's disk was full. The work begins anew then, as after the death of a server: what was
  ///   done is found on the machine.
  private func isHeldUp() async throws -> Bool {
    do {
      let row = try service.row(id)
      state.withLock { state in
        state.connection = row.connection
        state.done = 0
      }
      switch row.connection.activity {
      case .connect, .update: try await bring()
      case .disconnect: try await takeAway()
      case nil: break
      }
      return false
    } catch  where ConnectionService.isDiskFull(error) {
      return true
    }
  }

  /// Waits until the disk has room for something small. That may be too little, so that each wait is longer.
  private func roomOnDisk(after pause: Double) async throws {
    repeat { try await Task.sleep(for: .seconds(pause)) } while !service.changeWithRoom(id) { _, _ in }
    context.output("This server's disk was full. Going on, now that it has room.")
  }

  /// Takes a step, and tells of it.
  ///
  /// - Returns: Nil where there was nothing to do.
  func step<T: Sendable>(
    _ step: ConnectionStep, _ title: String, _ body: () async throws -> (T, message: String?)?
  ) async throws -> T? {
    try context.checkCancellation()
    let done = state.withLock { state in
      state.step = step
      state.title = title
      return state.done
    }
    context.progress(title, completed: done, unit: .steps)
    report(step, .running)
    try service.change(id) { row, _ in row.connection.step = step }
    let result = try await body()
    state.withLock { $0.done += 1 }
    report(step, result == nil ? .skipped : .done, result?.message)
    return result?.0
  }

  private func report(_ step: ConnectionStep, _ state: StepState, _ message: String? = nil) {
    let title = self.state.withLock { $0.title }
    let report = StepReport(step: step, title: title, state: state, message: message)
    try? context.tell(EventType.stepReport, report)
  }

  // MARK: The machine

  /// How often a cut line is tried again, and how long it is waited before, in seconds.
  private static let pauses = [0.5, 2, 5, 10, 20, 30, 30]

  /// Runs a body with a session; a line that is cut meanwhile is made anew, and the body runs again.
  func lasting<T: Sendable>(_ body: @Sendable (Machine) async throws -> T) async throws -> T {
    var pauses = Self.pauses[...]
    while true {
      do {
        return try await body(service.instances.machine(target))
      } catch {
        try context.checkCancellation()
        let error = ProtocolError(reaching: machineName, error)
        guard Self.transport.contains(error.type), let pause = pauses.popFirst() else { throw error }
        service.instances.sessions.drop(target)
        context.output("\(error.message) Trying again in \(pause) s.")
        try await Task.sleep(for: .seconds(pause))
      }
    }
  }

  static let transport: Set<ErrorType> = [
    .sshFailed, .connectRefused, .connectTimeout, .hostUnreachable,
  ]

  /// The first session of the job: who can't be reached at all is not waited for.
  func connect() async throws {
    _ = try await step(.connect, "Log in to \(machineName)") {
      let machine = try await service.instances.machine(target)
      state.withLock { $0.masked = machine.access.masked }
      for warning in machine.access.warnings { context.output(warning) }
      return (true, machine.session.hostKey.fingerprint)
    }
  }

  func probe() async throws -> InstanceFacts {
    let facts = try await step(.probe, "Look at the system") {
      let facts = try await lasting { machine in try await self.service.instances.look(machine).facts }
      return (facts, "\(facts.os.name), \(facts.architecture)")
    }
    guard let facts else { throw CancellationError() }
    state.withLock { $0.facts = facts }
    return facts
  }

  /// What the machine was found to be.
  func facts(_ machine: Machine) throws -> InstanceFacts {
    if let facts = state.withLock({ $0.facts }) ?? machine.instance.facts { return facts }
    throw ProtocolError(.sshFailed, "\(machineName) was not looked at yet. Try again.")
  }
}
