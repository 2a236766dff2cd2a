import BerthProtocol
import JSON
import Platform
import Supervisor

/// A command that an agent has the server run, under a shim of its own.
///
/// Its id is written down before it is started, with how to start it, so that the next server finds it or starts it.
final class AgentTerminal {
  /// How to start one.
  struct Plan {
    var arguments: [String]
    var environment: [String: String]
    var directory: String
    var limitBytes: Int
  }

  let id: String
  let plan: Plan
  private var program: HeldProgram?
  private var output: HeldOutput?
  private var tail: TerminalTail
  /// How its first process ended.
  private(set) var exit: ProcessExit?
  /// Whether its first process has ended, however.
  private(set) var hasExited = false
  /// Whether nothing of it is left.
  private(set) var hasEnded = false
  /// Whether the agent has let go of it.
  var isReleased = false

  init(id: String = Identifier.make("trm"), _ plan: Plan) {
    self.id = id
    self.plan = plan
    tail = TerminalTail(limitBytes: plan.limitBytes)
  }

  // MARK: Beginning

  private static func tell(_ id: String, _ run: RunContext) -> @Sendable (HeldProgram.Event) -> Void {
    { event in
      switch event {
      case .mainExited: run.tell(.own("\(id) exited"))
      case .ended: run.tell(.own("\(id) ended"))
      case .output, .room: break
      }
    }
  }

  /// - Throws: `ShimError`.
  func start(for run: RunContext) throws {
    // The agent's own secrets are no business of its commands.
    let names = Set(run.agent.secrets.keys)
    let inherited = run.agent.environment().filter { entry in !names.contains(String(entry.prefix { $0 != "=" })) }
    let own = Set(plan.environment.keys)
    let environment =
      inherited.filter { entry in !own.contains(String(entry.prefix { $0 != "=" })) }
      + plan.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    var started = HeldProgram.Plan(
      arguments: plan.arguments, environment: environment, directory: plan.directory)
    started.secrets = run.secrets
    started.hasInput = false
    attach(try HeldProgram.start(id, started, supervision: run.services.supervision, tell: Self.tell(id, run)))
  }

  /// Takes over what an earlier server has started. - Returns: false where it was never started.
  func takeOver(for run: RunContext) throws -> Bool {
    switch try HeldProgram.takeOver(id, supervision: run.services.supervision, tell: Self.tell(id, run)) {
    case .program(let program): attach(program)
    case .lost(let program):
      attach(program)
      hasExited = true
      hasEnded = true
    case .nothing: return false
    }
    return true
  }

  private func attach(_ program: HeldProgram) {
    self.program = program
    output = program.output(after: nil)
  }

  // MARK: Looking

  /// Whether its first process has ended, as its holder says now.
  var isOver: Bool { program?.exit != nil }

  func noteExit() {
    hasExited = true
    exit = exit ?? program?.exit
  }

  func noteEnd() {
    noteExit()
    hasEnded = true
  }

  /// What it has shown, as far as that is kept.
  func shown() throws -> (text: String, isTruncated: Bool) {
    if var reader = output {
      output = nil
      defer { output = reader }
      program?.beginReading()
      while try !reader.read(wantedBytes: 1 << 20, isFinal: hasEnded, { tail.add($0.text) }) {}
    }
    if !hasExited, let exit = program?.exit {
      self.exit = exit
      hasExited = true
    }
    return (tail.text(), tail.isTruncated)
  }

  // MARK: Ending

  func stop(graceSeconds: Double) {
    program?.stop(graceSeconds: graceSeconds)
    if program == nil { noteEnd() }
  }

  /// Removes what is left on disk of one that has ended.
  func remove() {
    program?.remove()
    program = nil
  }

  func letGo() {
    program?.letGo()
  }
}

extension AgentTerminal {
  /// Nil where it is no terminal's.
  convenience init?(_ json: JSONValue) {
    guard let id = json["id"]?.stringValue, let directory = json["cwd"]?.stringValue,
      let arguments = json["arguments"]?.arrayValue?.compactMap(\.stringValue)
    else { return nil }
    let environment = (json["env"]?.objectValue?.members ?? []).map { ($0.key, $0.value.stringValue ?? "") }
    self.init(
      id: id,
      Plan(
        arguments: arguments, environment: Dictionary(environment) { $1 }, directory: directory,
        limitBytes: json["limit"]?.intValue ?? 0))
  }

  var json: JSONValue {
    let environment = plan.environment.sorted { $0.key < $1.key }
    return [
      "id": .string(id), "arguments": .array(plan.arguments.map { .string($0) }), "cwd": .string(plan.directory),
      "env": .object(JSONObject(environment.map { JSONObject.Member(key: $0.key, value: .string($0.value)) })),
      "limit": .integer(plan.limitBytes),
    ]
  }
}
