import BerthProtocol
import JSON
import Platform
import Supervisor
import Workspaces

/// A run that is carried by an ACP agent. One task has it.
///
/// All that is to be known after the server's death is in `connection` and `turn`; both are written down by the change
/// that they belong to. What is to be sent lies in the connection's outbox and is sent after that change: so the agent
/// gets each byte once, and each of its lines is told once.
final class ACPRun {
  let run: RunContext
  let session: String
  let workspace: String
  /// The workspace's folder.
  let folder: String
  let files: ACPFiles

  var connection: ACPConnection
  var turn: ACPTurn
  var updates = ACPUpdates()
  var terminals: [AgentTerminal] = []

  var program: HeldProgram?
  var output: HeldOutput?
  /// Counts the programs, so that what is told of an earlier one is not taken for the present one's.
  var generation = 0
  /// What the agent wrote last to standard error.
  var lastLines: [String] = []
  /// When it wrote its last line, on the monotonic clock.
  var lastLineAt: Int64 = 0

  /// Why the agent is to stop.
  var stop: Stop?
  /// How the run ends, once that is settled.
  var ending: RunEnding?
  /// What went wrong within a change, to be acted on behind it.
  var failure: ACPFailure?
  /// The settings of the run that the agent was asked for.
  var askedSettings: Set<String> = []
  /// Since when what the agent tells after a turn is awaited, on the monotonic clock.
  var lingersSince: Int64 = 0
  /// What is to be done behind a change.
  var afterwards: [Afterwards] = []
  private var timers: [Timer: Task<Void, Never>] = [:]

  enum Stop {
    case cancelled, deadline

    func ending(_ exit: RunExit?) -> RunEnding {
      switch self {
      case .cancelled: .cancelled(exit)
      case .deadline:
        .failed(.deadlineExceeded, "The run took longer than it may, and its agent was stopped.", exit)
      }
    }
  }

  enum Afterwards {
    /// The agent took a question back.
    case takeBack(permission: String)
    case startTerminal(String)
    case answerCreated(String)
  }

  enum Timer: String {
    case start, grace, linger, terminate, giveUp, exits
  }

  /// Called at each moment at which a server's death makes a difference: behind each change, and behind each sending.
  let probe: @Sendable () throws -> Void

  init(_ run: RunContext, probe: @escaping @Sendable () throws -> Void = {}) throws {
    self.run = run
    self.probe = probe
    let record = run.record
    session = record.run.session
    workspace = record.run.workspace
    folder = try run.services.workspaces.resolve(workspace).path
    files = ACPFiles(workspace: workspace, folder: folder, run.services.files)
    connection = ACPConnection(plan: "")
    turn = ACPTurn(run.isTakenOver ? record.driver : [:])
  }

  // MARK: Carrying

  func carry() async throws -> RunEnding {
    defer {
      stopTimers()
      // What goes on is the next run's, or the next server's.
      program?.letGo()
      for terminal in terminals { terminal.letGo() }
    }
    try await acting { try await self.begin() }
    if let ending, isQuiet { return ending }
    for await signal in run.signals {
      try await acting { try await self.take(signal) }
      if let ending, isQuiet { return ending }
    }
    throw CancellationError()
  }

  /// Does something, and goes on with whatever follows from it.
  private func acting(_ body: () async throws -> Void) async throws {
    do {
      try await body()
      try await advance()
    } catch let failure as ACPFailure {
      try fail(failure)
    }
  }

  /// Whether nothing is left to be awaited before the run ends.
  private var isQuiet: Bool { terminals.isEmpty && (!turn.endsProgram || program == nil) }

  private func take(_ signal: RunSignal) async throws {
    switch signal {
    case .own(let text): try take(own: text)
    case .cancel(let grace): try beginStop(.cancelled, graceSeconds: grace)
    case .deadline: try beginStop(.deadline, graceSeconds: Self.deadlineGraceSeconds)
    case .said: try steer()
    case .answered(let permission): try answer(permission)
    case .program(let event, generation): try await take(event)
    // Of an earlier one.
    case .program: break
    }
  }

  private func take(_ event: HeldProgram.Event) async throws {
    switch event {
    case .output: try await read()
    case .room: try flush()
    case .mainExited: program?.stop(graceSeconds: Self.leftoverGraceSeconds)
    case .ended: try noteProgramEnd()
    }
  }

  private static let deadlineGraceSeconds = 5.0

  private func take(own text: String) throws {
    let words = text.split(separator: " ", maxSplits: 1)
    guard words.count == 2 else { return }
    if words[0] == "timer" {
      if let timer = Timer(rawValue: String(words[1])) { try take(timer) }
    } else if words[0].hasPrefix("trm_") {
      try noteTerminal(String(words[0]), hasEnded: words[1] == "ended")
    }
  }

  /// What the agent's first process leaves behind has so long to end.
  private static let leftoverGraceSeconds = 2.0

  // MARK: Changing

  /// Changes the run, with all that is kept of the connection, and acts on what came of it.
  func change(_ body: (inout RunChanges) throws -> Void) throws {
    try run.commit { changes in
      try body(&changes)
      settle(&changes)
    }
    try probe()
    try act()
  }

  private func settle(_ changes: inout RunChanges) {
    connection.trim()
    turn.message = updates.text.first
    keep(in: &changes)
  }

  /// Writes down where the connection and the turn stand.
  func keep(in changes: inout RunChanges) {
    turn.places = connection.places
    changes.session.driver = connection.json(places: ending != nil)
    changes.record.driver = turn.json(terminals)
  }

  /// The same for what can be written together with what other runs have to write.
  func changeShared(_ body: (inout RunChanges) throws -> Void) async throws {
    try await run.commitShared { changes in
      try body(&changes)
      settle(&changes)
    }
    try probe()
    try act()
  }

  private func act() throws {
    let actions = afterwards
    afterwards.removeAll(keepingCapacity: true)
    for action in actions {
      switch action {
      case .takeBack(let permission): _ = try run.resolve(permission, nil, by: .agent)
      case .startTerminal(let id): try startTerminal(id)
      case .answerCreated(let id): try answerCreated(id)
      }
    }
    try flush()
    if let failure {
      self.failure = nil
      throw failure
    }
  }

  // MARK: Timers

  func start(_ timer: Timer, seconds: Double) {
    let run = run
    let task = Task(executorPreference: run.services.pool) {
      guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
      run.tell(.own("timer \(timer.rawValue)"))
    }
    timers.updateValue(task, forKey: timer)?.cancel()
  }

  func stop(_ timer: Timer) {
    timers.removeValue(forKey: timer)?.cancel()
  }

  private func stopTimers() {
    for task in timers.values { task.cancel() }
  }

  private func take(_ timer: Timer) throws {
    // One that was stopped may have told already.
    guard timers.removeValue(forKey: timer) != nil else { return }
    switch timer {
    case .start:
      guard connection.phase != .ready, ending == nil else { return }
      throw ACPFailure(
        .startTimeout,
        "`\(run.agent.name)` has not opened a session within \(startSeconds) s. Try it out with `agent/probe`, or give it more `startSeconds`."
      )
    case .linger: try lookAtLinger()
    case .grace:
      guard let stop, ending == nil else { return }
      try change { $0.log(.warning, "The agent has not ended its turn in time, and its program is ended.") }
      try finish(stop.ending(nil), endingProgramWithin: 0)
    case .terminate: program?.stop(graceSeconds: turn.killSeconds)
    case .giveUp:
      // A process that can't be killed must not hold the run.
      program = nil
      terminals = []
    case .exits: try answerExits()
    }
  }

  var startSeconds: Double { run.agent.config.startSeconds }
}

/// Where a run stands with its agent, as it is kept with the run.
struct ACPTurn {
  /// Whether mode and options were asked for.
  var isConfigured = false
  /// Whether a prompt waits for its answer.
  var isPrompted = false
  /// Whether the agent was told to end the turn.
  var isToldToEnd = false
  /// Why the agent stopped, while what it tells afterwards is awaited.
  var stopReason: String?
  /// The first piece of the message that is being said.
  var message: Int?
  /// How far the agent's output was read.
  var places: HeldOutput.Places?
  /// Not kept: whether the program is to end before the run does, and how long after its signal.
  var endsProgram = false
  var killSeconds = 0.0

  init(_ json: JSONObject) {
    isConfigured = json["configured"]?.boolValue ?? false
    isPrompted = json["prompted"]?.boolValue ?? false
    isToldToEnd = json["toldToEnd"]?.boolValue ?? false
    stopReason = json["stopReason"]?.stringValue
    message = json["message"]?.intValue
    places = json["places"].flatMap { try? Decoding.decode(HeldOutput.Places.self, from: $0) }
  }

  func json(_ terminals: [AgentTerminal]) -> JSONObject {
    var json: JSONObject = [:]
    if isConfigured { json["configured"] = true }
    if isPrompted { json["prompted"] = true }
    if isToldToEnd { json["toldToEnd"] = true }
    if let stopReason { json["stopReason"] = .string(stopReason) }
    if let message { json["message"] = .integer(message) }
    if let places { json["places"] = places.jsonValue() }
    if !terminals.isEmpty {
      json["programs"] = .array(terminals.map { .string($0.id) })
      json["terminals"] = .array(terminals.map(\.json))
    }
    return json
  }

  /// Whether the agent has been given something that it may have begun to do.
  var isUnderWay: Bool { isPrompted || stopReason != nil }
}
