import BerthProtocol
import Glibc
import JSON
import Platform
import Storage
import Streams
import Supervisor
import Synchronization
import TestSupport
import Testing
import Workspaces

@testable import Agents

/// A home with a workspace, an agent and runs, which can be gone on with as by a new server.
final class RunFixture: Sendable {
  let folder: TemporaryFolder
  let services: AgentServices
  let workspace: Workspace
  let agent: ResolvedAgent
  /// A session that is there from the start.
  let session: String

  static let pool = WorkerPool(name: "agent-tests", maximumThreads: 64)

  /// - Parameter config: Makes the agent's declaration, given the test's folder. The workspace is `demo` in it.
  convenience init(secrets: [String: String] = [:], _ config: (_ folder: String) -> AgentConfig) throws {
    let folder = try TemporaryFolder()
    mkdir(folder.path + "/home", 0o700)
    mkdir(folder.path + "/demo", 0o755)
    try self.init(folder, config(folder.path), secrets, workspace: nil, session: nil)
  }

  private init(
    _ folder: TemporaryFolder, _ config: AgentConfig, _ secrets: [String: String], workspace known: Workspace?,
    session knownSession: String?
  ) throws {
    self.folder = folder
    let home = Home(folder.path + "/home")
    let database = try Storage.Database(
      path: home.database, durability: .normal,
      migrations: StreamStore.migrations + WorkspaceService.migrations + AgentService.migrations)
    let streams = StreamStore(database: database, retention: StreamsConfig())
    let workspaces = try WorkspaceService(
      home: home.path, database: database, streams: streams, trashSeconds: { 3600 })
    services = AgentServices(
      home: home, database: database, streams: streams, workspaces: workspaces,
      files: FileService(workspaces: workspaces, maximumContentBytes: { 64 << 20 }),
      supervision: try Supervision(pool: Self.pool, folder: home.shims), pool: Self.pool, config: { Config() })
    workspace =
      try known ?? workspaces.create(WorkspaceCreate.Params(name: "demo", path: folder.path + "/demo")).workspace
    agent = ResolvedAgent(
      name: "scripted", kind: config.kind ?? .acp, title: "Scripted", config: config, secrets: secrets)
    session = knownSession ?? Identifier.make("ags")
    if knownSession == nil {
      let now = Timestamp.now()
      let record = SessionRecord(
        session: AgentSession(
          id: session, agent: agent.name, workspace: workspace.id, title: "A test", runs: 0, createdAt: now,
          updatedAt: now, version: 1))
      try database.write { db in try record.insert(in: db) }
    }
  }

  deinit {
    for name in (try? Directory(path: services.supervision.folder).entries().map(\.name.string)) ?? []
    where !name.hasSuffix(".log") {
      let folder = services.supervision.folder(of: name).path
      try? ShimControl(folder: folder, timeoutSeconds: 1).stop(signal: SIGKILL, graceMilliseconds: 0)
    }
  }

  /// The server that comes after this one.
  func next(_ config: AgentConfig? = nil) throws -> RunFixture {
    try RunFixture(folder, config ?? agent.config, agent.secrets, workspace: workspace, session: session)
  }

  // MARK: Runs

  /// A run that is about to begin.
  func run(
    _ prompts: [[ContentBlock]], permissions: PermissionPolicy = .ask, mode: String? = nil,
    options: [String: String] = [:], observer: @escaping @Sendable (AgentRun, [Permission]) -> Void = { _, _ in }
  ) throws -> RunContext {
    let id = Identifier.make("run")
    let run = AgentRun(
      id: id, session: session, agent: agent.name, workspace: workspace.id, state: .starting, stream: "run/\(id)",
      prompt: "", permissions: permissions, priority: 0, usage: RunUsage(), version: 1, createdAt: Timestamp.now())
    let record = RunRecord(
      run: run, turns: prompts.map { RunRecord.Turn(prompt: $0, mode: .followUp) },
      options: RunRecord.StartOptions(mode: mode, options: options, permissionSeconds: 3600))
    try services.database.write { db in try record.insert(in: db) }
    return RunContext(
      record, try sessionRecord(), agent, directory: workspace.path, isTakenOver: false, open: [], services,
      observer: observer)
  }

  /// A run that an earlier server has begun.
  func takeOver(_ id: String) throws -> RunContext {
    let (record, open) = try services.database.read { db in
      (try #require(try RunRecord.find(id, in: db)), try Permission.open(of: id, in: db))
    }
    return RunContext(
      record, try sessionRecord(), agent, directory: workspace.path, isTakenOver: true, open: open, services,
      observer: { _, _ in })
  }

  func sessionRecord() throws -> SessionRecord {
    let id = session
    return try services.database.read { db in try #require(try SessionRecord.find(id, in: db)) }
  }

  // MARK: What came of it

  /// The events of a run, in order.
  func events(_ run: String) throws -> [StreamEvent] {
    var events: [StreamEvent] = []
    var after: String?
    while true {
      let page = try services.streams.read(StreamRead.Params(stream: "run/\(run)", after: after))
      events += page.events
      guard let last = page.events.last else { return events }
      after = last.cursor
    }
  }

  /// Awaits an event of a run.
  func event(_ run: String, _ matches: @escaping @Sendable (StreamEvent) -> Bool) async throws -> StreamEvent {
    try await withDeadline(seconds: 30, "an event") {
      while true {
        if let event = try? self.events(run).first(where: matches) { return event }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }
}

extension RunContext {
  /// Carries the run to its end, as the service does.
  func carryToEnd() async throws -> RunEnding {
    let task = Task(executorPreference: RunFixture.pool) { [self] in
      let ending = try await agent.kind.driver.carry(self)
      try end(ending)
      return ending
    }
    return try await withDeadline(seconds: 60, "the end of the run") { try await task.value }
  }
}

extension [StreamEvent] {
  func of(_ type: String) -> [JSONValue] { filter { $0.type == type }.map(\.payload) }

  /// What the agent has said, from the pieces.
  var said: String { of("message.delta").compactMap { $0["text"]?.stringValue }.joined() }

  /// What the agent has said, from the whole messages.
  var messages: [String] {
    of("message").filter { $0["role"]?.stringValue == "agent" && $0["thought"] == nil }
      .compactMap { $0["content"]?.arrayValue?.first?["text"]?.stringValue }
  }

  var logs: [String] { of("log").compactMap { $0["message"]?.stringValue } }
}

extension RunFixture {
  /// Kills all shims, as the machine's user might.
  func killShims() {
    for name in (try? Directory(path: services.supervision.folder).entries().map(\.name.string)) ?? [] {
      guard case .alive(let status)? = try? services.supervision.folder(of: name).state(id: name) else { continue }
      kill(status.record.shim.processID, SIGKILL)
    }
  }
}
