import BerthClient
import BerthProtocol
import JSON
import Glibc
import Platform

/// What the server computes while a hundred agents say something now and then.
enum AgentCrowd {
  private static let sessions = 100
  private static let perSecond = 10
  private static let seconds = 10

  static func run(_ bench: Bench) throws -> [Row] {
    let speaker = Troupe.speaker((seconds + 20) * perSecond, perSecond: perSecond)
    let troupe = try Troupe(["speaker": speaker], bench)
    defer { troupe.server.stop() }
    let runs = try (0..<sessions).map { _ in try troupe.start("speaker") }
    for run in runs {
      while try troupe.client.request(AgentRunGet.self, .init(run: run.id)).state != .running { usleep(10_000) }
    }
    let shims = ProcessTable.running(" \(troupe.server.home.shims)/")
    // What the starts have set going comes to an end first.
    sleep(3)
    let before = (try time(of: [troupe.server.process.processID]), try time(of: shims))
    sleep(UInt32(seconds))
    let after = (try time(of: [troupe.server.process.processID]), try time(of: shims))
    for run in runs { _ = try troupe.client.request(AgentRunCancel.self, .init(run: run.id, graceSeconds: 0)) }
    return [
      Row(
        "processor time in \(seconds) s, \(sessions) sessions with \(perSecond) events a second each",
        .nanoseconds(after.0 - before.0), target: .atMost(.nanoseconds(Double(seconds) * 0.1e9))),
      Row("the same of their shims", .nanoseconds(after.1 - before.1)),
    ]
  }

  private static func time(of processes: [Int32]) throws -> Double {
    Double(try ProcessTable.processorNanoseconds(of: processes))
  }
}
