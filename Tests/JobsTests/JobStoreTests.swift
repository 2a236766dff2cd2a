import BerthProtocol
import Glibc
import JSON
import Platform
import Storage
import Streams
import Synchronization
import TestSupport
import Testing

@testable import Jobs

@Suite struct JobStoreTests {
  let home: JobHome

  init() throws {
    home = try JobHome()
  }

  @Test func `A job runs, and its states, progress and output are told`() async throws {
    let started = try home.start(.export, title: "Export it", workspace: "ws_1") { context in
      context.progress("Packing", completed: 1, total: 2, unit: .files)
      context.output("a line")
      context.progress("Packing", completed: 2, total: 2, unit: .files)
      return ["path": "/tmp/x"]
    }
    #expect(started.state == .queued && started.version == 1 && started.stream == "job/\(started.id)")
    let job = try await home.ended(started)
    #expect(job.state == .succeeded && job.result == ["path": "/tmp/x"] && job.error == nil)
    #expect(job.kind == .export && job.title == "Export it" && job.workspace == "ws_1")
    #expect(job.progress == JobProgress(message: "Packing", completed: 2, total: 2, unit: .files))
    #expect(job.startedAt != nil && job.endedAt != nil && job.version == 3)
    #expect(try home.states(job.stream) == [.queued, .running, .succeeded])
    #expect(try home.states("events", EventType.jobCreated) == [.queued])
    #expect(try home.states("events", EventType.jobUpdated) == [.running, .succeeded])
    let events = try home.events(job.stream)
    #expect(events.map(\.type).contains(EventType.jobOutput))
    #expect(events.last { $0.type == EventType.jobProgress }?.payload["completed"] == 2)
    #expect(try home.streams.read(StreamRead.Params(stream: job.stream)).eof)
    #expect(try await home.jobs.get(JobGet.Params(job: job.id)) == job)
  }

  @Test func `The stream's last event holds the job as it is returned`() async throws {
    let job = try await home.ended(home.start())
    let last = try #require(home.events(job.stream).last)
    #expect(try Decoding.decode(Job.self, from: last.payload) == job)
  }

  @Test func `An error of the body is the job's, in the protocol's terms`() async throws {
    let fault = Fault(loc: ["name"], msg: "is required", type: "missing")
    let refused = try await home.ended(
      home.start { _ in throw ProtocolError(.templateInvalid, "No.", detail: "Because.", errors: [fault]) })
    #expect(refused.state == .failed)
    #expect(
      refused.error
        == JobError(
          code: 422, message: "No.", type: "template_invalid", detail: "Because.", retryable: false, errors: [fault]))
    let full = try await home.ended(
      home.start { _ in throw SystemError(errno: SystemError.Code.noSpace, operation: "write", path: "/x") })
    #expect(full.error?.type == "no_space" && full.error?.retryable == true)
    struct Bug: Error {}
    #expect(try await home.ended(home.start { _ in throw Bug() }).error?.type == "internal_error")
  }

  @Test func `A job that is cancelled ends when its body has cleaned up`() async throws {
    let began = Gate()
    let cleaned = Order()
    let job = try home.start { context in
      began.open()
      do {
        try await Gate().wait()
      } catch {
        #expect(context.isCancelled)
        cleaned.add(1)
        throw error
      }
      return [:]
    }
    try await withDeadline { try await began.wait() }
    let cancelled = try await withDeadline { [home] in try await home.jobs.cancel(JobCancel.Params(job: job.id)) }
    #expect(cleaned.all == [1])
    #expect(cancelled.state == .cancelled && cancelled.result == nil && cancelled.error == nil)
    #expect(try home.states(job.stream) == [.queued, .running, .cancelled])
    await #expect { try await home.jobs.cancel(JobCancel.Params(job: job.id)) } throws: {
      ($0 as? ProtocolError)?.type == .jobEnded
    }
  }

  @Test func `A body that does not know tasks sees the cancellation too, and whatever it throws counts as it`()
    async throws
  {
    let began = Gate()
    let job = try home.start { context in
      began.open()
      while !context.isCancelled { usleep(1000) }
      throw SystemError(errno: SystemError.Code.notFound, operation: "open")
    }
    try await withDeadline { try await began.wait() }
    #expect(try await home.jobs.cancel(JobCancel.Params(job: job.id)).state == .cancelled)
  }

  @Test func `A job whose work is done cannot be cancelled any more`() async throws {
    let began = Gate()
    let job = try home.start { context in
      began.open()
      while !context.isCancelled { usleep(1000) }
      return ["done": true]
    }
    try await withDeadline { try await began.wait() }
    await #expect { try await home.jobs.cancel(JobCancel.Params(job: job.id)) } throws: {
      ($0 as? ProtocolError)?.type == .jobEnded
    }
    let ended = try await home.jobs.get(JobGet.Params(job: job.id))
    #expect(ended.state == .succeeded && ended.result == ["done": true])
  }

  @Test func `So many jobs run at once, and the others begin in order`() async throws {
    let gates = (0..<4).map { _ in Gate() }
    let order = Order()
    let jobs = try (0..<4).map { index in
      try home.start { _ in
        order.add(index)
        try await gates[index].wait()
        return [:]
      }
    }
    try await withDeadline { try await order.wait(2) }
    #expect(try await home.jobs.get(JobGet.Params(job: jobs[2].id)).state == .queued)
    #expect(home.jobs.runningCount == 4)
    // One that waits for its turn is cancelled without having begun.
    #expect(try await home.jobs.cancel(JobCancel.Params(job: jobs[2].id)).startedAt == nil)
    gates[0].open()
    try await withDeadline { try await order.wait(3) }
    #expect(Set(order.all) == [0, 1, 3])
    for gate in gates { gate.open() }
    for job in jobs { #expect(try await home.ended(job).state.hasEnded) }
    #expect(home.jobs.runningCount == 0)
  }

  @Test func `Waiting ends with the job, with the time, or with the waiting task`() async throws {
    let gate = Gate()
    let job = try home.start { _ in
      try await gate.wait()
      return [:]
    }
    #expect(try await home.jobs.get(JobGet.Params(job: job.id, waitSeconds: 0.05)).state != .succeeded)
    let impatient = Task { [home] in try await home.jobs.get(JobGet.Params(job: job.id, waitSeconds: 60)) }
    impatient.cancel()
    await #expect(throws: CancellationError.self) { try await impatient.value }
    let patient = Task { [home] in try await home.jobs.get(JobGet.Params(job: job.id, waitSeconds: 60)) }
    gate.open()
    #expect(try await patient.value(within: 30).state == .succeeded)
  }

  @Test func `Progress that comes fast is told ten times a second, and the last one always`() async throws {
    let job = try await home.ended(
      home.start { context in
        let end = Timestamp.monotonicNanoseconds() + 350_000_000
        var count = 0
        while Timestamp.monotonicNanoseconds() < end {
          count += 1
          context.progress("Counting", completed: count)
        }
        context.progress("Counted", completed: -1)
        return [:]
      })
    let told = try home.events(job.stream).filter { $0.type == EventType.jobProgress }
    #expect((2...6).contains(told.count))
    #expect(told.last?.payload["message"] == "Counted")
    #expect(job.progress?.completed == -1)
  }

  @Test func `Progress that pauses is told although no more comes`() async throws {
    let gate = Gate()
    let job = try home.start { context in
      context.progress("one", completed: 1)
      context.progress("two", completed: 2)
      try await gate.wait()
      return [:]
    }
    var follower = try home.streams.follow(StreamAttach.Params(stream: job.stream, types: [EventType.jobProgress]))
    let told = try await withDeadline { [follower] in
      var follower = follower
      var count = 0
      while count < 2, let batch = try await follower.next(limitBytes: 1 << 20) { count += batch.count }
      return count
    }
    #expect(told == 2)
    #expect(try await home.jobs.get(JobGet.Params(job: job.id)).progress?.completed == 2)
    gate.open()
    #expect(try await home.ended(job).state == .succeeded)
    while try await follower.next(limitBytes: 1 << 20) != nil {}
  }

  @Test func `A repeated key returns the job of the first call, as it is by then`() async throws {
    let call = (scope: "workspace/snapshot", key: "k", params: ["label": "x"] as JSONValue)
    let first = try home.jobs.start(.snapshot, title: "T", workspace: nil, idempotency: call) { _ in ["n": 1] }
    #expect(first.created)
    _ = try await home.ended(first.job)
    let again = try home.jobs.start(.snapshot, title: "T", workspace: nil, idempotency: call) { _ in ["n": 2] }
    #expect(!again.created && again.job.id == first.job.id && again.job.result == ["n": 1])
    #expect(try home.jobs.count() == 1)
    var other = call
    other.params = ["label": "y"]
    #expect(throws: ProtocolError.self) {
      try home.jobs.start(.snapshot, title: "T", workspace: nil, idempotency: other) { _ in [:] }
    }
    #expect(home.jobs.runningCount == 0)
  }

  @Test func `Jobs are listed from the newest, by workspace and state, in pages`() async throws {
    var jobs: [Job] = []
    for index in 0..<6 {
      let job = try home.start(workspace: "ws_\(index % 2)") { _ in
        if index == 4 { throw ProtocolError(.invalidArgument, "No.") }
        return [:]
      }
      jobs.append(try await home.ended(job))
    }
    let newest = Array(jobs.reversed())
    #expect(try home.jobs.list(JobList.Params()) == JobPage(jobs: newest))
    let first = try home.jobs.list(JobList.Params(limit: 4))
    #expect(first.jobs == Array(newest[..<4]))
    let second = try home.jobs.list(JobList.Params(limit: 4, cursor: first.nextCursor))
    #expect(second == JobPage(jobs: Array(newest[4...])))
    #expect(try home.jobs.list(JobList.Params(workspace: "ws_1")).jobs.count == 3)
    #expect(try home.jobs.list(JobList.Params(states: [.failed, .running])).jobs == [jobs[4]])
    #expect(throws: ProtocolError.self) { try home.jobs.list(JobList.Params(cursor: "x")) }
    await #expect(throws: ProtocolError.self) { try await home.jobs.get(JobGet.Params(job: "job_none")) }
    await #expect(throws: ProtocolError.self) { try await home.jobs.cancel(JobCancel.Params(job: "job_none")) }
  }
}

/// What has happened, in order.
private final class Order: Sendable {
  private let values = Mutex<[Int]>([])
  private let signal = ChangeSignal()

  var all: [Int] { values.withLock { $0 } }

  func add(_ value: Int) {
    values.withLock { $0.append(value) }
    signal.notify()
  }

  func wait(_ count: Int) async throws {
    while true {
      let seen = signal.value
      if all.count >= count { return }
      try await signal.wait(past: seen)
    }
  }
}
