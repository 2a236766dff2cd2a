import BerthClient
import BerthProtocol
import JSON
import Platform

/// From a call to the first words of the program that it starts.
enum AgentStarting {
  private static let starts = 30

  static func run(_ bench: Bench) throws -> [Row] {
    let troupe = try Troupe(["command": ["kind": "command", "command": "echo", "args": ["hello"]]], bench)
    defer { troupe.server.stop() }
    var times: [Double] = []
    for _ in 0..<starts * bench.rounds {
      let client = try troupe.server.client()
      let began = Timestamp.monotonicNanoseconds()
      let run = try troupe.start("command", attach: true, on: client)
      while try !isOutput(client.nextNotification(timeoutSeconds: 20)) {}
      times.append(Double(Timestamp.monotonicNanoseconds() - began))
      try troupe.end(run)
    }
    return [
      Row(
        "start of a command agent to its first output, p50", .nanoseconds(Series(values: times).median),
        target: .atMost(.nanoseconds(15e6)))
    ]
  }

  private static func isOutput(_ notification: Client.Notification?) throws -> Bool {
    guard let notification else { throw BenchmarkFailure("the run said nothing") }
    let events = notification.params["events"]?.arrayValue ?? []
    return events.contains { $0["type"]?.stringValue == EventType.output }
  }
}
