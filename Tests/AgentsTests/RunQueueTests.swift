import Testing

@testable import Agents

@Suite("The queue of runs")
struct RunQueueTests {
  private static func entry(_ id: String, session: String, agent: String = "a", priority: Int = 0) -> RunQueue.Entry {
    RunQueue.Entry(id: id, session: session, agent: agent, priority: priority)
  }

  /// Takes as many as may begin.
  private static func take(_ queue: inout RunQueue, limit: Int = 100, agentLimit: Int = 100) -> [String] {
    var taken: [String] = []
    while let id = queue.next(limit: limit, agentLimit: { _ in agentLimit }) { taken.append(id) }
    return taken
  }

  @Test("one of a session at a time, in order")
  func sessions() {
    var queue = RunQueue()
    for id in ["1", "2", "3"] { queue.add(Self.entry(id, session: "s")) }
    queue.add(Self.entry("other", session: "t"))
    #expect(Self.take(&queue) == ["1", "other"])
    #expect(queue.place(of: "2") == 1)
    #expect(queue.place(of: "3") == 2)
    queue.remove("1")
    #expect(Self.take(&queue) == ["2"])
  }

  @Test("a session's later run never goes before an earlier one, even where the earlier one may not begin")
  func blockedSession() {
    var queue = RunQueue()
    queue.add(Self.entry("running", session: "x", agent: "full"))
    #expect(Self.take(&queue) == ["running"])
    queue.add(Self.entry("first", session: "s", agent: "full"))
    queue.add(Self.entry("second", session: "s", agent: "free"))
    #expect(queue.next(limit: 100) { $0 == "full" ? 1 : 100 } == nil)
  }

  @Test("the highest priority first, of equal ones the oldest")
  func priorities() {
    var queue = RunQueue()
    for (id, priority) in [("low", -1), ("a", 0), ("b", 0), ("high", 9)] {
      queue.add(Self.entry(id, session: id, priority: priority))
    }
    #expect(queue.waiting.map(\.id) == ["high", "a", "b", "low"])
    #expect(Self.take(&queue, limit: 2) == ["high", "a"])
    queue.remove("high")
    #expect(Self.take(&queue, limit: 2) == ["b"])
  }

  @Test("no more of an agent than it may have")
  func agents() {
    var queue = RunQueue()
    for id in ["1", "2", "3"] { queue.add(Self.entry(id, session: id)) }
    #expect(Self.take(&queue, agentLimit: 2) == ["1", "2"])
    #expect(queue.count(agent: "a") == (2, 1))
    queue.remove("1")
    #expect(Self.take(&queue, agentLimit: 2) == ["3"])
  }
}
