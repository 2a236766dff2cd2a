import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

/// Several clients follow one run, each at its own pace.
@Suite struct AgentFollowerTests {
  /// Takes in the events of a client's attachment, until it ends.
  private static func numbers(_ client: Client, from first: Int = 1) throws -> [Int] {
    var numbers: [Int] = []
    while true {
      let notification = try #require(try client.nextNotification(timeoutSeconds: 30), "nothing after \(numbers.count)")
      if notification.method == "stream/end" { return numbers }
      guard notification.method == "stream/event" else { continue }
      for event in notification.params["events"]?.arrayValue ?? [] {
        numbers.append(try #require(event["payload"]?["seq"]?.intValue))
      }
    }
  }

  @Test func `from the start, from the middle, and one that stops reading`() throws {
    let home = try AgentHome([
      "count": AgentHome.shell("for i in $(seq 1 20000); do echo line $i; done; sleep 0.5; echo last")
    ])
    let first = try home.server.connect()
    let started = try first.request(
      AgentRunStart.self,
      .init(prompt: [ContentBlock(type: .text, text: "x")], workspace: home.workspace, attach: true))
    let stream = started.run.stream
    let (second, idle, middle) = (try home.server.connect(), try home.server.connect(), try home.server.connect())
    for client in [second, idle] { _ = try client.request(StreamAttach.self, .init(stream: stream)) }
    try home.until(started.run.id) { _ in try home.events(started.run.id).count > 5000 }
    let page = try home.client.request(StreamRead.self, .init(stream: stream, limitBytes: 100_000))
    _ = try middle.request(StreamAttach.self, .init(stream: stream, after: page.next))
    let all = try Self.numbers(first)
    #expect(all == Array(1...all.count))
    #expect(all.count >= 20_005)
    #expect(try Self.numbers(second) == all)
    #expect(try Self.numbers(middle) == Array(all[page.events.count...]))
    // It has read nothing so far, and misses nothing.
    #expect(try Self.numbers(idle) == all)
  }

  @Test func `the history tells what was said and done in order`() throws {
    let home = try AgentHome(["echo": AgentHome.shell("cat")])
    let run = try home.start("echo", "one")
    try home.end(run.id)
    try home.end(home.start("echo", "two", session: run.session).id)
    var events: [AgentHistoryEvent] = []
    var cursor: String?
    repeat {
      let page = try home.client.request(
        AgentSessionHistory.self, .init(session: run.session, limit: 2, cursor: cursor))
      events += page.events
      cursor = page.nextCursor
    } while cursor != nil
    #expect(
      events.map(\.type) == [
        "message", "output", "run.completed", "message", "output", "run.completed",
      ])
    #expect(events.compactMap { $0.payload["text"]?.stringValue } == ["one", "two"])
  }
}
