import BerthProtocol
import Crypto
import JSON
import Platform
import Storage
import Supervisor
import Synchronization

/// The programs of sessions, as they are started and ended.
enum ACPPrograms {
  /// Tells whether a program that runs was started in another way than one would be now.
  static func digest(_ agent: ResolvedAgent, directory: String) -> String {
    let config = agent.config
    var writer = JSONWriter()
    writer.beginArray()
    for word in [config.command ?? "", directory] + (config.args ?? []) { writer.string(word) }
    for (name, value) in (config.env ?? [:]).sorted(by: { $0.key < $1.key }) { writer.string("\(name)=\(value)") }
    for (name, value) in agent.secrets.sorted(by: { $0.key < $1.key }) { writer.string("\(name)=\(value)") }
    for server in config.mcpServers ?? [] { server.encode(into: &writer) }
    writer.endArray()
    return SHA256.hash(data: writer.bytes).prefix(16).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  static func plan(_ agent: ResolvedAgent, directory: String, words: [String: String]) -> HeldProgram.Plan {
    var own: [String: String] = [:]
    if let session = words["session"] { own["BERTH_SESSION"] = session }
    var plan = HeldProgram.Plan(
      arguments: agent.arguments(words), environment: agent.environment(own), directory: directory)
    plan.secrets = Array(agent.secrets.values)
    return plan
  }

  /// What the agent is told of us.
  static let greeting: JSONObject = [
    "protocolVersion": 1,
    "clientCapabilities": ["fs": ["readTextFile": true, "writeTextFile": true], "terminal": true],
    "clientInfo": ["name": "berth", "title": "Berth", "version": "1"],
  ]

  /// Why a program could not be started.
  static func words(for error: any Error, _ agent: ResolvedAgent) -> String {
    let command = agent.config.command ?? ""
    guard let error = error as? ShimError else { return ProtocolError(describing: error).message }
    if error.step == "program", error.errno == SystemError.Code.notFound {
      return "There is no program `\(command)` in PATH. Install it, or give its absolute path as `command`."
    }
    return "`\(command)` could not be started: \(error)."
  }

  /// How an agent's ways to log in are told.
  static func words(forMethods methods: [JSONValue]) -> String {
    let told = methods.compactMap { method -> String? in
      guard let id = method["id"]?.stringValue else { return nil }
      let description = method["description"]?.stringValue.map { " (\($0))" } ?? ""
      return "`\(id)`: \(method["name"]?.stringValue ?? id)\(description)"
    }
    return told.isEmpty ? "It names no way to log in: see its documentation." : told.joined(separator: "; ")
  }

  static func authMethods(_ methods: [JSONValue]) -> [AgentAuthMethod] {
    methods.compactMap { method in
      method["id"]?.stringValue.map {
        AgentAuthMethod(
          id: $0, name: method["name"]?.stringValue ?? $0, description: method["description"]?.stringValue)
      }
    }
  }

  // MARK: Ending

  private static let inputGraceSeconds = 2.0
  private static let signalGraceSeconds = 3.0

  /// Ends a session's program in order: its input ends, then it is told to end, then it is killed. What it has written is
  /// kept, to be read by the session's next run.
  static func end(_ id: String, _ supervision: Supervision) async {
    let (events, sink) = AsyncStream.makeStream(of: HeldProgram.Event?.self)
    guard
      case .program(let program)? = try? HeldProgram.takeOver(id, supervision: supervision, tell: { sink.yield($0) })
    else { return }
    defer { program.letGo() }
    guard let taken = program.inputBytes else { return }
    _ = try? program.endInput(at: taken)
    let timer = Task(executorPreference: supervision.pool) {
      guard (try? await Task.sleep(for: .seconds(inputGraceSeconds))) != nil else { return }
      program.stop(graceSeconds: signalGraceSeconds)
      guard (try? await Task.sleep(for: .seconds(signalGraceSeconds + 10))) != nil else { return }
      sink.yield(nil)
    }
    defer { timer.cancel() }
    for await event in events {
      switch event {
      case .ended, nil: return
      // What is left behind by it is not the agent's any more.
      case .mainExited: program.stop(graceSeconds: signalGraceSeconds)
      case .output, .room: break
      }
    }
  }

  // MARK: One at a time

  private struct Uses {
    var carried: Set<String> = []
    var ending: [String: Task<Void, Never>] = [:]
  }

  private static let uses = Mutex(Uses())

  /// Has a session's program for a run: waits until it is ended where it just is.
  static func beginUse(_ session: String) async {
    let ending = uses.withLock { uses in
      uses.carried.insert(session)
      return uses.ending[session]
    }
    await ending?.value
  }

  static func endUse(_ session: String) {
    uses.withLock { _ = $0.carried.remove(session) }
  }

  /// Ends the program of a session that no run has.
  static func close(_ session: String, _ services: AgentServices) async {
    let task = uses.withLock { uses -> Task<Void, Never>? in
      guard !uses.carried.contains(session) else { return nil }
      if let task = uses.ending[session] { return task }
      let task = Task(executorPreference: services.pool) {
        await end(session, services.supervision)
        removeIfRead(session, services)
        Self.uses.withLock { _ = $0.ending.removeValue(forKey: session) }
      }
      uses.ending[session] = task
      return task
    }
    await task?.value
  }

  /// Removes what is on disk of a program that has ended, unless there is something that no run has told yet.
  private static func removeIfRead(_ session: String, _ services: AgentServices) {
    let record = try? services.database.read { db in try SessionRecord.find(session, in: db) }
    guard let connection = record.flatMap({ ACPConnection($0.driver) }),
      case .program(let program)? = try? HeldProgram.takeOver(
        session, supervision: services.supervision, tell: { _ in }), program.inputBytes == nil
    else { return }
    var output = program.output(after: connection.places)
    var hasMore = false
    _ = try? output.read(wantedBytes: 1, isFinal: true) { _ in hasMore = true }
    if !hasMore { program.remove() }
  }
}
