import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// A server with a workspace and with agents. Nothing of them is left when nobody holds it any more.
final class AgentHome {
  let server: TestServer
  private(set) var client: Client
  let workspace: String

  /// - Parameters:
  ///   - agents: The configuration's `agents`.
  ///   - runs: The configuration's `runs`.
  ///   - arguments: Further arguments of the server.
  init(_ agents: JSONObject, runs: JSONObject = [:]) throws {
    server = try TestServer(config: JSONValue.object(["agents": .object(agents), "runs": .object(runs)]).jsonString)
    client = try server.connect()
    workspace = try client.request(WorkspaceCreate.self, .init(path: server.folder.path + "/ws")).workspace.id
  }

  deinit {
    server.kill()
    let isGone = waits(seconds: 20) {
      let left = processes()
      for process in left { kill(process, SIGKILL) }
      return left.isEmpty
    }
    if !isGone { Issue.record("processes of the test's agents are left") }
  }

  /// An agent that is a shell script; the prompt is its standard input.
  static func shell(_ script: String) -> JSONValue {
    ["kind": "command", "command": "/bin/sh", "args": ["-c", .string(script)]]
  }

  var path: String { server.folder.path + "/ws" }

  // MARK: Runs

  @discardableResult
  func start(
    _ agent: String, _ prompt: String = "hello", session: String? = nil, priority: Int = 0,
    permissions: PermissionPolicy? = nil, deadlineSeconds: Double? = nil, key: String? = nil
  ) throws -> AgentRun {
    try client.request(
      AgentRunStart.self,
      .init(
        prompt: [ContentBlock(type: .text, text: prompt)], agent: session == nil ? agent : nil,
        workspace: session == nil ? workspace : nil, session: session, permissions: permissions,
        deadlineSeconds: deadlineSeconds, priority: priority, idempotencyKey: key)
    ).run
  }

  func run(_ id: String) throws -> AgentRun { try client.request(AgentRunGet.self, .init(run: id)) }

  /// Waits for a run's end.
  @discardableResult
  func end(_ id: String, seconds: Double = 60) throws -> AgentRun {
    let run = try client.request(AgentRunGet.self, .init(run: id, waitSeconds: seconds))
    guard run.endedAt != nil else { throw DeadlinePassed(description: "the run has not ended: \(run)") }
    return run
  }

  /// Waits until a run is as wanted.
  @discardableResult
  func until(_ id: String, _ condition: (AgentRun) throws -> Bool) throws -> AgentRun {
    var last: AgentRun?
    let came = try waits(seconds: 30) {
      last = try self.run(id)
      return try last.map(condition) ?? false
    }
    guard came, let last else {
      throw DeadlinePassed(description: "the awaited state has not come, but \(last as Any)")
    }
    return last
  }

  func until(_ id: String, _ state: RunState) throws { try until(id) { $0.state == state } }

  // MARK: Events

  /// The events of a run, from the first on.
  func events(_ id: String, _ types: [String]? = nil) throws -> [StreamEvent] {
    var events: [StreamEvent] = []
    var after: String?
    while true {
      let page = try client.request(
        StreamRead.self, .init(stream: "run/\(id)", after: after, limitBytes: 4 << 20, types: types))
      events += page.events
      after = page.next
      if page.eof || page.caughtUp { return events }
    }
  }

  /// The texts of its output.
  func output(_ id: String) throws -> [String] {
    try events(id, [EventType.output]).compactMap { $0.payload["text"]?.stringValue }
  }

  /// Whether the events have the numbers 1, 2, 3 and so on.
  func isUnbroken(_ id: String) throws -> Bool {
    try events(id).enumerated().allSatisfy { $0.element.payload["seq"]?.intValue == $0.offset + 1 }
  }

  // MARK: The server

  /// Kills the server as a crash would, and starts another.
  func crash(meanwhile: () throws -> Void = {}) throws {
    server.kill()
    try meanwhile()
    try server.start()
    client = try server.connect()
  }

  // MARK: Processes

  /// The processes of agents and their shims.
  func processes() -> [Int32] {
    let path = server.folder.path
    let names = (try? Directory(path: "/proc").entries().map(\.name.string)) ?? []
    return names.compactMap { Int32($0) }.filter { number in
      guard number != getpid(), number != server.pid else { return false }
      let words = ((try? SmallFile.read("/proc/\(number)/cmdline")) ?? nil).map { String(decoding: $0, as: UTF8.self) }
      if let words, words.contains("berth-shim"), words.contains(path) { return true }
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/\(number)/cwd", &buffer, buffer.count)
      guard count > 0 else { return false }
      return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self).hasPrefix(path + "/ws")
    }
  }
}
