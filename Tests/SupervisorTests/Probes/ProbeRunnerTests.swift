import Platform
import Streams
import Synchronization
import TestSupport
import Testing

@testable import Supervisor

/// What a runner has reported, for tests that wait for it.
final class Reports: Sendable {
  private let state = Mutex<[ProbeReport]>([])
  private let signal = ChangeSignal()

  var all: [ProbeReport] { state.withLock { $0 } }

  func note(_ report: ProbeReport) {
    state.withLock { $0.append(report) }
    signal.notify()
  }

  /// Returns once there are reports that suffice.
  func wait(_ what: String = "the report", until suffices: @escaping @Sendable ([ProbeReport]) -> Bool) async throws {
    try await withDeadline(seconds: 60, what) {
      while true {
        let seen = self.signal.value
        if suffices(self.all) { return }
        try await self.signal.wait(past: seen)
      }
    }
  }
}

/// Something whose answer a test sets.
final class Patient: Sendable {
  private let state = Mutex<(reason: String?, asked: Int)>((nil, 0))

  init(_ reason: String? = nil) {
    self.reason = reason
  }

  var reason: String? {
    get { state.withLock { $0.reason } }
    set { state.withLock { $0.reason = newValue } }
  }
  var asked: Int { state.withLock { $0.asked } }

  func probe(failureThreshold: Int = 1, successThreshold: Int = 1, intervalSeconds: Double = 0.05) -> Probe {
    Probe(
      .exec {
        self.state.withLock { state in
          state.asked += 1
          return state.reason
        }
      }, intervalSeconds: intervalSeconds, failureThreshold: failureThreshold, successThreshold: successThreshold)
  }
}

@Suite struct ProbeRunnerTests {
  let poller: Poller
  let reports = Reports()

  init() throws {
    poller = try Poller()
  }

  /// Runs the probes while `body` does.
  func run(_ probes: Probes, _ body: () async throws -> Void) async throws {
    let reports = reports
    let runner = ProbeRunner(probes, poller: poller) { reports.note($0) }
    let task = Task { await runner.run() }
    defer { task.cancel() }
    try await body()
    task.cancel()
    try await withDeadline(seconds: 30, "the runner's end") { await task.value }
  }

  @Test func `Without probes an app is started and ready at once`() async throws {
    try await run(Probes()) {
      try await reports.wait { $0 == [.started, .ready] }
    }
  }

  @Test func `Until the startup probes have succeeded, the others are not asked`() async throws {
    let (startup, other, live) = (Patient("`x` exited with 1"), Patient(), Patient("dead"))
    try await run(
      Probes(startup: [startup.probe(), other.probe()], readiness: [other.probe()], liveness: [live.probe()])
    ) {
      try await reports.wait { $0 == [.notReady("`x` exited with 1")] }
      #expect(live.asked == 0)
      startup.reason = nil
      try await reports.wait { $0.contains(.notLive("dead")) }
      #expect(reports.all.prefix(3) == [.notReady("`x` exited with 1"), .started, .ready])
    }
  }

  @Test func `An app is ready when all probes are, and no longer when one has failed often enough`() async throws {
    let (first, second) = (Patient("first"), Patient("second"))
    try await run(Probes(readiness: [first.probe(failureThreshold: 3), second.probe(successThreshold: 2)])) {
      try await reports.wait { $0.contains(.notReady("second")) && $0.contains(.notReady("first")) }
      first.reason = nil
      second.reason = nil
      try await reports.wait { $0.last == .ready }
      first.reason = "again"
      let asked = first.asked
      try await reports.wait { $0.last == .notReady("again") }
      #expect(first.asked >= asked + 3)
      first.reason = nil
      try await reports.wait { $0.last == .ready }
    }
  }

  @Test func `A probe that does not end is ended, and a probe that can't be asked says nothing`() async throws {
    let poller = poller
    let slow = Probe(
      .exec {
        try await poller.sleep(seconds: 3600)
        return nil
      }, timeoutSeconds: 0.1)
    let broken = Probe(.exec { throw SystemError(errno: 24, operation: "socket") }, intervalSeconds: 0.05)
    try await run(Probes(readiness: [slow, broken])) {
      try await reports.wait { $0.contains(.notReady("it did not end within 0.1 s")) }
      #expect(reports.all.count == 2)
    }
  }

  @Test func `A line of the output is waited for, across segments, from where the app was started`() async throws {
    let log = try SegmentWriter()
    try log.write("listening on an earlier day")
    let journal = log.journal()
    let check = LogCheck(pattern: "listening*", in: journal, after: try journal.endPosition()) {
      $0.starts(with: "listening".utf8)
    }
    try await run(Probes(readiness: [Probe(.log(check))])) {
      try await reports.wait { $0.last == .notReady("no line of its output has matched “listening*” yet") }
      try log.write(0..<10)
      try log.rotate()
      journal.noteGrowth()
      try log.write("listening on 8080")
      journal.noteGrowth()
      try await reports.wait { $0.last == .ready }
    }
  }

  @Test func `An app that tells that it is ready is`() async throws {
    let note = ReadyNote()
    try await run(Probes(readiness: [Probe(.notify(note))])) {
      try await reports.wait { $0.count == 2 }
      note.noteReady()
      try await reports.wait { $0.last == .ready }
    }
  }

  @Test func `Hasty tries count once an interval`() {
    var verdict = Verdict(Probe(.tcp(port: 1), intervalSeconds: 10, failureThreshold: 2), isEager: true)
    let second: Int64 = 1_000_000_000
    #expect(verdict.pauseSeconds < 1)
    for time in 1...8 { verdict.noteFailure(at: Int64(time) * second) }
    #expect(verdict.value == nil)
    verdict.noteFailure(at: 12 * second)
    #expect(verdict.value == false)
    verdict.noteSuccess()
    #expect(verdict.value == true && verdict.pauseSeconds >= 9)
    verdict.noteFailure(at: 13 * second)
    verdict.noteFailure(at: 14 * second)
    #expect(verdict.value == false)
  }

  @Test func `Pauses of many end each in its time, and one that is cancelled at once`() async throws {
    let poller = poller
    let long = Task { try await poller.sleep(seconds: 3600) }
    let pauses = (0..<20).map { index in
      Task {
        let began = Timestamp.monotonicNanoseconds()
        try await poller.sleep(seconds: 0.02 * Double(index))
        return Timestamp.monotonicNanoseconds() - began
      }
    }
    for (index, pause) in pauses.enumerated() {
      #expect(try await pause.value(within: 30) >= Int64(index) * 20_000_000)
    }
    long.cancel()
    await #expect(throws: CancellationError.self) { try await long.value(within: 30) }
  }
}
