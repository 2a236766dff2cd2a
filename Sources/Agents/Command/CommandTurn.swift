import BerthProtocol
import JSON
import Platform
import Supervisor

/// One start of a command's program, from its prompt to its end.
///
/// What the run's driver state says: `turn` (which one), `prompt` (until it has been sent), `places` (how far its output
/// has been told).
final class CommandTurn {
  private let run: RunContext
  private let number: Int
  private let program: HeldProgram
  private var input: ProgramInput
  private var output: HeldOutput
  /// Why it is being ended; nil while it may go on.
  private var stop: Stop?

  private enum Stop { case cancelled, deadline }

  private static let pieceBytes = 256 << 10
  private static let deadlineGraceSeconds = 5.0

  private init(_ run: RunContext, number: Int, _ program: HeldProgram, prompt: [UInt8]?, _ places: HeldOutput.Places?) {
    self.run = run
    self.number = number
    self.program = program
    input = ProgramInput(offset: 0, prompt ?? [], endsBehind: true)
    output = program.output(after: places)
  }

  static func id(_ run: RunContext, _ number: Int) -> String {
    number == 1 ? run.id : "\(run.id).\(number)"
  }

  // MARK: Beginning

  /// Begins the next turn; nil where there is none.
  static func next(of run: RunContext) throws -> CommandTurn? {
    let number = (run.record.driver["turn"]?.intValue ?? 0) + 1
    let turn = try run.beginTurn { changes, turn in
      changes.record.driver = ["turn": .integer(number), "prompt": .string(turn.prompt.commandText)]
    }
    if number > 1 { HeldProgram.remove(id(run, number - 1), supervision: run.services.supervision) }
    return turn == nil ? nil : try start(run, number)
  }

  /// The turn that an earlier server was in; nil where it was between two.
  static func takenOver(of run: RunContext) throws -> CommandTurn? {
    guard run.isTakenOver, let number = run.record.driver["turn"]?.intValue else { return nil }
    let prompt = run.record.driver["prompt"]?.stringValue
    let places = run.record.driver["places"].flatMap { try? Decoding.decode(HeldOutput.Places.self, from: $0) }
    switch try HeldProgram.takeOver(
      id(run, number), supervision: run.services.supervision, tell: { run.tell(.program($0, of: number)) })
    {
    case .program(let program):
      return CommandTurn(run, number: number, program, prompt: prompt.map { Array($0.utf8) }, places)
    case .lost(let program):
      // Its end is told as one that nobody knows.
      run.tell(.program(.ended, of: number))
      return CommandTurn(run, number: number, program, prompt: nil, places)
    case .nothing: return try start(run, number)
    }
  }

  private static func start(_ run: RunContext, _ number: Int) throws -> CommandTurn {
    let record = run.record
    let prompt = record.driver["prompt"]?.stringValue ?? ""
    let id = id(run, number)
    let usesFile = (run.agent.config.args ?? []).contains { $0.contains("{promptFile}") }
    var words = ["workspace": run.directory, "session": record.run.session, "run": run.id]
    if usesFile {
      words["promptFile"] = try HeldProgram.keep(
        Array(prompt.utf8), as: "prompt", of: id, supervision: run.services.supervision)
    }
    var plan = HeldProgram.Plan(
      arguments: run.agent.arguments(words),
      environment: run.agent.environment([
        "BERTH_RUN": run.id, "BERTH_SESSION": record.run.session, "BERTH_WORKSPACE": record.run.workspace,
      ]), directory: run.directory)
    plan.secrets = run.secrets
    plan.hasInput = !usesFile
    let program = try HeldProgram.start(id, plan, supervision: run.services.supervision) {
      run.tell(.program($0, of: number))
    }
    return CommandTurn(run, number: number, program, prompt: usesFile ? nil : Array(prompt.utf8), nil)
  }

  // MARK: Carrying

  func carry() async throws -> RunEnding {
    let processID = Int(program.processID)
    try run.commit { changes in
      changes.record.run.pid = processID
      changes.become(.running)
    }
    sendInput()
    for await signal in run.signals {
      switch signal {
      case .program(.output, _):
        program.beginReading()
        while try !read(isFinal: false) {}
      case .program(.room, _): sendInput()
      case .program(.mainExited, _):
        // What it leaves behind is not the agent's any more.
        program.stop(graceSeconds: Self.deadlineGraceSeconds)
      case .program(.ended, _): return try end()
      case .cancel(let grace):
        if stop == nil { stop = .cancelled }
        program.stop(graceSeconds: grace)
      case .deadline:
        if stop == nil { stop = .deadline }
        program.stop(graceSeconds: Self.deadlineGraceSeconds)
      case .said, .answered, .own: break
      }
    }
    throw CancellationError()
  }

  private func sendInput() {
    input.send(to: program)
  }

  /// Tells what has been written since.
  ///
  /// - Returns: Whether that was all.
  private func read(isFinal: Bool) throws -> Bool {
    var events = OutputLines.Batch()
    let isAll = try output.read(wantedBytes: Self.pieceBytes, isFinal: isFinal) { events.add($0) }
    guard !events.isEmpty else { return isAll }
    let places = output.places.jsonValue()
    try run.commit { changes in
      events.write(to: &changes)
      changes.record.driver["places"] = places
    }
    program.forgetOutput(before: output.places)
    return isAll
  }

  private func end() throws -> RunEnding {
    while try !read(isFinal: true) {}
    let exit = RunExit(program.exit, lines: try run.lastOutput())
    try run.commit { $0.record.run.pid = nil }
    switch (stop, program.exit) {
    case (.cancelled, _): return .cancelled(exit)
    case (.deadline, _):
      return .failed(.deadlineExceeded, "The run took longer than it may, and all of it was ended.", exit)
    case (nil, .code(0)): return .completed(.exit, exit)
    case (nil, .code(let code)):
      return .failed(.agentExited, "`\(run.agent.config.command ?? "")` ended with exit code \(code).", exit)
    case (nil, .signal(let signal)):
      return .failed(
        .agentExited, "`\(run.agent.config.command ?? "")` was ended by \(SignalName.of(signal)).", exit)
    case (nil, nil): return .interrupted("What held the agent's program was killed.")
    }
  }
}

extension [ContentBlock] {
  /// The prompt as a program reads it.
  fileprivate var commandText: String {
    map { block in
      switch block.type {
      case .text: block.text ?? ""
      case .file, .image: "@\(block.path ?? "")"
      case .resource:
        if let text = block.text {
          "<\(block.uri ?? "")>\n\(text)\n</\(block.uri ?? "")>"
        } else {
          "<\(block.uri ?? "")>"
        }
      }
    }.joined(separator: "\n") + "\n"
  }
}
