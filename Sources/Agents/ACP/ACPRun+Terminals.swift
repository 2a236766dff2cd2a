import BerthProtocol
import JSON
import Supervisor

extension ACPRun {
  // MARK: Beginning

  private static let standardLimitBytes = 1 << 20
  private static let maximumLimitBytes = 16 << 20

  func createTerminal(_ id: JSONValue, _ params: JSONObject) throws(ACPError) {
    guard stop == nil, ending == nil else { throw .cancelled }
    guard let command = params["command"]?.stringValue, !command.isEmpty else {
      throw .invalidParams("`command` is missing.")
    }
    let arguments = (params["args"]?.arrayValue ?? []).compactMap(\.stringValue)
    guard !([command] + arguments).contains(where: { $0.utf8.contains(0) }) else {
      throw .invalidParams("A command must not hold NUL bytes.")
    }
    var environment: [String: String] = [:]
    for variable in params["env"]?.arrayValue ?? [] {
      guard let name = variable["name"]?.stringValue, !name.isEmpty, !name.contains("="),
        let value = variable["value"]?.stringValue, !(name + value).utf8.contains(0)
      else { throw .invalidParams("`env` must hold objects with `name` and `value`.") }
      environment[name] = value
    }
    let limit = params["outputByteLimit"]?.intValue ?? Self.standardLimitBytes
    let directory = try params["cwd"]?.stringValue.map { path throws(ACPError) in try files.directory(path) }
    let terminal = AgentTerminal(
      .init(
        arguments: Self.commandLine(command, arguments), environment: environment,
        directory: directory ?? run.directory, limitBytes: min(max(limit, 0), Self.maximumLimitBytes)))
    terminals.append(terminal)
    connection.asked.append(.init(id: id, kind: .create, reference: terminal.id))
    afterwards.append(.startTerminal(terminal.id))
  }

  /// Many agents give a whole line for the shell as the command.
  private static func commandLine(_ command: String, _ arguments: [String]) -> [String] {
    let isPlain = command.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
        true
      default: "._/+-@%,:".utf8.contains(byte)
      }
    }
    return arguments.isEmpty && !isPlain ? ["/bin/sh", "-c", command] : [command] + arguments
  }

  /// Starts one that is written down, and answers with its id.
  func startTerminal(_ id: String) throws {
    guard let terminal = terminals.first(where: { $0.id == id }) else { return }
    var refusal: ACPError?
    do {
      try terminal.start(for: run)
    } catch {
      refusal = .internalError("`\(terminal.plan.arguments[0])` could not be started: \(error).")
      terminals.removeAll { $0.id == id }
    }
    try change { _ in
      guard let index = connection.asked.firstIndex(where: { $0.kind == .create && $0.reference == id }) else { return }
      let asked = connection.asked.remove(at: index)
      if let refusal {
        connection.refuse(asked.id, refusal)
      } else {
        connection.answer(asked.id, ["terminalId": .string(id)])
      }
    }
  }

  /// Goes on with those that an earlier server has made.
  func takeOverTerminals() throws {
    guard run.isTakenOver else { return }
    for terminal in (run.record.driver["terminals"]?.arrayValue ?? []).compactMap({ AgentTerminal($0) }) {
      if try terminal.takeOver(for: run) {
        terminals.append(terminal)
        if connection.asked.contains(where: { $0.kind == .create && $0.reference == terminal.id }) {
          afterwards.append(.answerCreated(terminal.id))
        }
      } else if connection.asked.contains(where: { $0.kind == .create && $0.reference == terminal.id }) {
        terminals.append(terminal)
        afterwards.append(.startTerminal(terminal.id))
      }
    }
  }

  func answerCreated(_ id: String) throws {
    guard let index = connection.asked.firstIndex(where: { $0.kind == .create && $0.reference == id }) else { return }
    try change { _ in
      let asked = connection.asked.remove(at: index)
      connection.answer(asked.id, ["terminalId": .string(id)])
    }
  }

  // MARK: Looking

  private func terminal(_ params: JSONObject) throws(ACPError) -> AgentTerminal {
    let id = params["terminalId"]?.stringValue ?? ""
    guard let terminal = terminals.first(where: { $0.id == id && !$0.isReleased }) else {
      throw .notFound("There is no terminal `\(id)`, or it was released.")
    }
    return terminal
  }

  func showTerminal(_ params: JSONObject) throws(ACPError) -> JSONObject {
    let terminal = try terminal(params)
    do {
      let shown = try terminal.shown()
      var result: JSONObject = ["output": .string(shown.text), "truncated": .bool(shown.isTruncated)]
      if terminal.hasExited { result["exitStatus"] = .object(Self.status(terminal)) }
      return result
    } catch {
      throw ACPError(error)
    }
  }

  func awaitTerminal(_ id: JSONValue, _ params: JSONObject) throws(ACPError) {
    let terminal = try terminal(params)
    if terminal.hasExited { return connection.answer(id, Self.status(terminal)) }
    connection.asked.append(.init(id: id, kind: .exit, reference: terminal.id))
  }

  private static func status(_ terminal: AgentTerminal) -> JSONObject {
    switch terminal.exit {
    case .code(let code): ["exitCode": .integer(Int(code)), "signal": nil]
    case .signal(let signal): ["exitCode": nil, "signal": .string(SignalName.of(signal))]
    case nil: ["exitCode": nil, "signal": nil]
    }
  }

  // MARK: Ending

  private static let killGraceSeconds = 1.0
  /// How long the rest of a command's output is awaited when only what it left behind lives on.
  private static let outputSeconds = 0.2

  func endTerminal(_ params: JSONObject, releases: Bool) throws(ACPError) -> JSONObject {
    let terminal = try terminal(params)
    terminal.stop(graceSeconds: Self.killGraceSeconds)
    if releases { terminal.isReleased = true }
    return [:]
  }

  /// The first process of one has ended, or all of it.
  func noteTerminal(_ id: String, hasEnded: Bool) throws {
    guard let terminal = terminals.first(where: { $0.id == id }) else { return }
    guard hasEnded else { return start(.exits, seconds: Self.outputSeconds) }
    terminal.noteEnd()
    try answerExits()
    try dropEndedTerminals()
  }

  /// Answers those who wait for the end of a command that has ended.
  func answerExits() throws {
    for terminal in terminals where !terminal.hasExited && terminal.isOver { terminal.noteExit() }
    let ended = Dictionary(terminals.filter(\.hasExited).map { ($0.id, $0) }) { $1 }
    guard connection.asked.contains(where: { $0.kind == .exit && ended[$0.reference] != nil }) else { return }
    try change { _ in
      let asked = connection.asked
      connection.asked.removeAll { $0.kind == .exit && ended[$0.reference] != nil }
      for question in asked where question.kind == .exit {
        if let terminal = ended[question.reference] { connection.answer(question.id, Self.status(terminal)) }
      }
    }
  }

  /// Forgets those that nothing is left of and that nobody will ask for.
  func dropEndedTerminals() throws {
    let over = terminals.filter { $0.hasEnded && ($0.isReleased || ending != nil) }
    guard !over.isEmpty else { return }
    for terminal in over { terminal.remove() }
    try change { _ in
      terminals.removeAll { terminal in over.contains { $0 === terminal } }
      let ids = Set(over.map(\.id))
      let asked = connection.asked
      connection.asked.removeAll { ids.contains($0.reference) }
      for question in asked where ids.contains(question.reference) { connection.refuse(question.id, .cancelled) }
    }
  }
}
