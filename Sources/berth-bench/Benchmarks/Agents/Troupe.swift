import BerthClient
import BerthProtocol
import JSON
import Platform

/// A server with a workspace and agents.
struct Troupe {
  let server: BerthServer
  let client: Client
  let workspace: Workspace

  init(_ agents: JSONObject, _ bench: Bench) throws {
    server = try bench.startServer()
    client = try server.client()
    let runs: JSONValue = ["maxRunning": 1000]
    _ = try client.request(ConfigUpdate.self, .init(patch: ["agents": .object(agents), "runs": runs]))
    workspace = try client.request(WorkspaceCreate.self, .init(name: "bench")).workspace
  }

  /// An ACP agent that writes so many pieces of a message.
  static func speaker(_ count: Int, perSecond: Int = 0) -> JSONValue {
    [
      "kind": "acp", "command": .string(ChildProcess.ownProgram),
      "args": ["speak", .string("\(count)"), .string("\(perSecond)")],
    ]
  }

  func start(_ agent: String, attach: Bool = false, on client: Client? = nil) throws -> AgentRun {
    try (client ?? self.client).request(
      AgentRunStart.self,
      .init(
        prompt: [ContentBlock(type: .text, text: "Speak.")], agent: agent, workspace: workspace.id, attach: attach)
    ).run
  }

  /// Connections that follow the pieces of a run's message from the first on.
  func follow(_ run: AgentRun, _ count: Int) throws -> [LoadConnection] {
    try (0..<count).map { _ in
      let connection = try server.connect()
      try connection.attach(run.stream, fromEnd: false, types: [EventType.messageDelta])
      return connection
    }
  }

  /// Waits for a run's end, which must be a good one.
  func end(_ run: AgentRun) throws {
    let ended = try client.request(AgentRunGet.self, .init(run: run.id, waitSeconds: 120))
    guard ended.state == .completed else {
      throw BenchmarkFailure("the run is \(ended.state.rawValue): \(ended.error?.detail ?? "")")
    }
  }
}
