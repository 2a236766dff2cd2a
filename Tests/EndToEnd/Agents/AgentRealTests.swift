import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Agents and an endpoint of others, as `.ci/install-agents` puts them into the folder that `BERTH_TEST_AGENTS` names.
@Suite(.serialized, .enabled(if: RealAgents.folder != nil, "BERTH_TEST_AGENTS names no folder with agents"))
struct AgentRealTests {
  private static func home(_ example: String) throws -> AgentHome {
    let folder = try #require(RealAgents.folder)
    return try AgentHome([
      "real": [
        "kind": "acp", "command": .string("\(folder)/bin/python"), "args": [.string("\(folder)/examples/\(example)")],
      ]
    ])
  }

  @Test(.enabled(if: RealAgents.has("examples/echo_agent.py")))
  func `the echo agent of the protocol's SDK answers, again and again`() throws {
    let home = try Self.home("echo_agent.py")
    let probe = try home.client.request(AgentProbe.self, .init(agent: "real"))
    #expect(probe.ok, "\(probe)")
    let first = try home.start("real", "one two three")
    #expect(try home.end(first.id).message == "one two three")
    let second = try home.start("real", "four", session: first.session)
    #expect(try home.end(second.id).message == "four")
    try home.crash()
    let third = try home.start("real", "five", session: first.session)
    #expect(try home.end(third.id).message == "five")
    #expect(try home.isUnbroken(third.id))
  }

  @Test(.enabled(if: RealAgents.has("examples/agent.py")))
  func `the SDK's example agent works, and is killed with`() throws {
    let home = try Self.home("agent.py")
    let run = try home.start("real", "hello", permissions: .allow)
    let ended = try home.end(run.id)
    #expect(ended.state == .completed, "\(ended)")
    #expect(try home.isUnbroken(run.id))
    #expect(try home.events(run.id, [EventType.message]).count >= 2)
  }

  @Test(.enabled(if: RealAgents.has("bin/litellm")), .timeLimit(.minutes(3)))
  func `a model behind litellm answers in pieces`() throws {
    let proxy = try LiteLLM()
    let home = try AgentHome(["real": ["kind": "model", "baseUrl": .string(proxy.url), "model": "mock"]])
    _ = try home.client.request(AgentConfigure.self, .init(agent: "real", secrets: ["API_KEY": "sk-of-the-test"]))
    let probe = try home.client.request(AgentProbe.self, .init(agent: "real"))
    #expect(probe.ok, "\(probe)")
    #expect(probe.models == ["mock"])
    let run = try home.start("real")
    let ended = try home.end(run.id)
    #expect(ended.state == .completed, "\(ended)")
    #expect(ended.message == LiteLLM.answer)
    #expect(ended.usage.requests == 1)
    #expect(try home.events(run.id, [EventType.messageDelta]).count > 1)
    let next = try home.start("real", "again", session: run.session)
    #expect(try home.end(next.id).message == LiteLLM.answer)
  }
}

enum RealAgents {
  static let folder: String? = getenv("BERTH_TEST_AGENTS").map { String(cString: $0) }

  static func has(_ path: String) -> Bool { folder.map { access("\($0)/\(path)", R_OK) == 0 } ?? false }
}

/// litellm's proxy, with a model that always says the same.
private final class LiteLLM {
  static let answer = "Berth is a place where a ship lies, and this is an answer in several pieces."
  let url: String
  private let folder: TemporaryFolder
  private let process: ChildProcess

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(
      "config.yaml",
      """
      model_list:
        - model_name: mock
          litellm_params: {model: openai/gpt-4o, api_key: x, mock_response: "\(Self.answer)"}
      """)
    let port = try ListeningSocket().port
    url = "http://127.0.0.1:\(port)/v1"
    let log = try OwnedDescriptor.appending(to: folder.path + "/log")
    process = try ChildProcess(
      "/usr/bin/env",
      [
        "LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true",
        "\(RealAgents.folder ?? "")/bin/litellm", "--config", folder.path + "/config.yaml", "--host", "127.0.0.1",
        "--port", "\(port)",
      ], input: .null(), output: log, error: log)
    let answers = waits(seconds: 90) {
      (try? folder.shell("curl -sf -o /dev/null http://127.0.0.1:\(port)/health/liveliness")) != nil
    }
    guard answers else {
      throw DeadlinePassed(description: "litellm does not answer: \((try? folder.read("log")) ?? "")")
    }
  }

  deinit {
    process.send(SIGKILL)
    process.wait()
  }
}
