import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

/// An agent asks, and somebody answers.
@Suite struct AgentPermissionTests {
  /// An ACP agent that asks before it does anything, and then says what it was answered.
  private static let asker = """
    import json, sys
    def send(**m): print(json.dumps(dict(jsonrpc="2.0", **m)), flush=True)
    def say(text): send(method="session/update", params={"sessionId": "s", "update": {
        "sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}})
    for line in sys.stdin:
        m = json.loads(line)
        if m.get("method") == "initialize": send(id=m["id"], result={"protocolVersion": 1})
        elif m.get("method") == "session/new": send(id=m["id"], result={"sessionId": "s"})
        elif m.get("method") == "session/prompt":
            prompt = m["id"]
            send(id="q", method="session/request_permission", params={"sessionId": "s",
                "toolCall": {"toolCallId": "t", "title": "Remove all"},
                "options": [{"optionId": "yes", "name": "Yes", "kind": "allow_once"},
                            {"optionId": "no", "name": "No", "kind": "reject_once"}]})
        elif m.get("id") == "q":
            say(m["result"]["outcome"].get("optionId", "cancelled"))
            send(id=prompt, result={"stopReason": "end_turn"})
        elif m.get("method") == "session/cancel": cancelled = True
    """

  private static func home() throws -> AgentHome {
    let home = try AgentHome([:])
    try home.server.folder.write("agent.py", asker)
    let agent: JSONValue = [
      "kind": "acp", "command": "python3", "args": [.string(home.server.folder.path + "/agent.py")],
    ]
    _ = try home.client.request(ConfigUpdate.self, .init(patch: ["agents": ["asker": agent]]))
    return home
  }

  private static func question(_ client: Client) throws -> Client.Notification {
    while true {
      let notification = try #require(try client.nextNotification(timeoutSeconds: 30), "nobody asks")
      if notification.method == AgentRunRequestPermission.description.name { return notification }
    }
  }

  private static func isWithdrawn(_ question: Client.Notification, _ client: Client) throws -> Bool {
    while let notification = try client.nextNotification(timeoutSeconds: 10) {
      if notification.method == "$/cancelRequest" { return notification.params["id"] == question.id }
    }
    return false
  }

  @Test func `everybody who follows is asked, the first answer counts, and the others are told`() throws {
    let home = try Self.home()
    let run = try home.start("asker")
    let (first, second) = (
      try home.server.connect(answersPermissions: true), try home.server.connect(answersPermissions: true)
    )
    for client in [first, second] { _ = try client.request(StreamAttach.self, .init(stream: run.stream)) }
    let questions = (try Self.question(first), try Self.question(second))
    #expect(questions.0.params["permission"]?["title"] == "Remove all")
    #expect(try home.run(run.id).state == .waiting)
    try first.answer(questions.0, PermissionAnswer(option: "yes"))
    #expect(try Self.isWithdrawn(questions.1, second))
    let ended = try home.end(run.id)
    #expect(ended.state == .completed)
    #expect(ended.message == "yes")
    // Too late, and without effect.
    try second.answer(questions.1, PermissionAnswer(option: "no"))
    _ = try second.request(ServerPing.self, .init())
    let resolved = try home.events(run.id, [EventType.permissionResolved])
    #expect(resolved.count == 1)
    #expect(resolved.first?.payload["permission"]?["by"] == "client")
  }

  @Test func `who comes later is asked what is open`() throws {
    let home = try Self.home()
    let run = try home.start("asker")
    try home.until(run.id, .waiting)
    let late = try home.server.connect(answersPermissions: true)
    _ = try late.request(StreamAttach.self, .init(stream: run.stream, tail: 0))
    try late.answer(try Self.question(late), PermissionAnswer(option: "no"))
    #expect(try home.end(run.id).message == "no")
  }

  @Test func `who did not offer to answer is not asked, and can answer by a call`() throws {
    let home = try Self.home()
    let run = try home.start("asker")
    let client = try home.server.connect()
    _ = try client.request(StreamAttach.self, .init(stream: run.stream))
    let waiting = try client.request(AgentRunGet.self, .init(run: run.id, waitSeconds: 30, until: .question))
    let permission = try #require(waiting.permission)
    _ = try client.request(AgentRunRespondPermission.self, .init(permission: permission.id))
    #expect(try home.end(run.id).message == "cancelled")
    while let notification = try client.nextNotification(timeoutSeconds: 0) {
      #expect(notification.method.hasPrefix("stream/"))
    }
  }

  @Test func `a question outlives the server, and its answer is given once`() throws {
    let home = try Self.home()
    let run = try home.start("asker")
    try home.until(run.id, .waiting)
    for _ in 0..<3 { try home.crash() }
    let client = try home.server.connect(answersPermissions: true)
    _ = try client.request(StreamAttach.self, .init(stream: run.stream))
    try client.answer(try Self.question(client), PermissionAnswer(option: "yes"))
    #expect(try home.end(run.id).message == "yes")
    #expect(try home.events(run.id, [EventType.permissionRequested]).count == 1)
    #expect(try home.isUnbroken(run.id))
  }

  @Test func `an answer that the server did not live to pass on is passed on`() throws {
    let home = try Self.home()
    for _ in 0..<5 {
      let run = try home.start("asker")
      let waiting = try home.client.request(AgentRunGet.self, .init(run: run.id, waitSeconds: 30, until: .question))
      _ = try home.client.request(
        AgentRunRespondPermission.self, .init(permission: try #require(waiting.permission).id, option: "yes"))
      try home.crash()
      #expect(try home.end(run.id).message == "yes")
      #expect(try home.isUnbroken(run.id))
    }
  }

  @Test func `nobody answers in time: that is a no`() throws {
    let home = try Self.home()
    let run = try home.client.request(
      AgentRunStart.self,
      .init(
        prompt: [ContentBlock(type: .text, text: "x")], agent: "asker", workspace: home.workspace,
        permissionSeconds: 0.2)
    ).run
    #expect(try home.end(run.id).message == "no")
    #expect(try home.events(run.id, [EventType.permissionResolved]).first?.payload["permission"]?["by"] == "deadline")
  }

  @Test(arguments: [(PermissionPolicy.allow, "yes"), (.deny, "no")])
  func `a policy answers at once`(policy: PermissionPolicy, answer: String) throws {
    let home = try Self.home()
    let run = try home.start("asker", permissions: policy)
    #expect(try home.end(run.id).message == answer)
  }

  @Test func `cancelling answers what is open`() throws {
    let home = try Self.home()
    let run = try home.start("asker")
    try home.until(run.id, .waiting)
    let cancelled = try home.client.request(AgentRunCancel.self, .init(run: run.id))
    #expect(cancelled.state == .cancelled)
    #expect(try home.events(run.id, [EventType.permissionResolved]).count == 1)
  }
}
