import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

@Suite(.serialized) struct SlowFollowerTests {
  private static let stream = "custom/long"
  private static let batch = 1000
  /// How many batches pass with nobody being slow: what the server keeps of every stream is full then.
  private static let warmUp = 100
  /// How many pass while one follower doesn't read. `berth-bench` does the same with a million events.
  private static let batches = 200

  private static func events(_ batch: Int) -> [NewEvent] {
    let padding = String(repeating: "x", count: 80)
    return (0..<Self.batch).map {
      NewEvent(type: "n", payload: ["n": .integer(batch * Self.batch + $0), "padding": .string(padding)])
    }
  }

  /// Takes in the next events, which have to be those that follow `next`, until `end` is reached.
  private static func take(_ client: Client, from next: Int, to end: Int) throws {
    var next = next
    while next < end {
      let notification = try #require(try client.nextNotification(timeoutSeconds: 20), "nothing comes after \(next)")
      try #require(notification.method == "stream/event", "\(notification)")
      for event in notification.params["events"]?.arrayValue ?? [] {
        try #require(event["payload"]?["n"]?.intValue == next)
        next += 1
      }
    }
    try #require(next == end)
  }

  @Test func `a follower that doesn't read costs no memory, holds up nobody and misses nothing`() throws {
    let server = try TestServer()
    let (appender, quick, slow) = (try server.connect(), try server.connect(), try server.connect())
    _ = try appender.request(StreamAppend.self, .init(stream: Self.stream, events: []))
    _ = try quick.request(StreamAttach.self, .init(stream: Self.stream))
    var (before, largest) = (0, 0)
    for batch in 0..<Self.warmUp + Self.batches {
      if batch == Self.warmUp { _ = try slow.request(StreamAttach.self, .init(stream: Self.stream, tail: 0)) }
      _ = try appender.request(StreamAppend.self, .init(stream: Self.stream, events: Self.events(batch)))
      // The other one has each batch before the next is appended.
      try Self.take(quick, from: batch * Self.batch, to: (batch + 1) * Self.batch)
      let memory = try ProcessFacts.memory(of: server.pid)
      if batch >= Self.warmUp { largest = max(largest, memory) } else { before = max(before, memory) }
    }
    #expect(largest - before < 10_000_000, "it grew from \(before) to \(largest) bytes")
    try Self.take(slow, from: Self.warmUp * Self.batch, to: (Self.warmUp + Self.batches) * Self.batch)
    _ = try slow.request(ServerPing.self, .init())
    #expect(try slow.nextNotification(timeoutSeconds: 0) == nil)
  }
}
