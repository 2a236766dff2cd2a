import BerthProtocol
import GRDB
import JSON
import Storage
import Streams
import TestSupport
import Testing

@testable import Jobs

@Suite struct JobRecoveryTests {
  let home: JobHome

  init() throws {
    home = try JobHome()
  }

  /// A second server on the home of one that was killed: it has the first one's files and nothing else.
  func restarted() throws -> JobHome { try JobHome(folder: home.folder) }

  @Test func `What a server that died had not finished is told as interrupted`() async throws {
    let began = Gate()
    let running = try home.start { _ in
      began.open()
      try await Gate().wait()
      return [:]
    }
    try await withDeadline { try await began.wait() }
    _ = try home.start { _ in
      try await Gate().wait()
      return [:]
    }
    let queued = try home.start()
    let next = try restarted()
    try next.jobs.recover()
    for id in [running.id, queued.id] {
      let job = try await next.jobs.get(JobGet.Params(job: id, waitSeconds: 10))
      #expect(job.state == .interrupted && job.endedAt != nil)
      #expect(try next.states(job.stream).last == .interrupted)
      #expect(try next.streams.read(StreamRead.Params(stream: job.stream)).eof)
    }
    #expect(try next.states("events", EventType.jobUpdated).suffix(3) == [.interrupted, .interrupted, .interrupted])
    #expect(next.jobs.runningCount == 0)
    await #expect { try await next.jobs.cancel(JobCancel.Params(job: queued.id)) } throws: {
      ($0 as? ProtocolError)?.type == .jobEnded
    }
    // A second time, there is nothing left to tell.
    let events = try next.events("events").count
    try next.jobs.recover()
    #expect(try next.events("events").count == events)
  }

  @Test func `A server that stops ends its jobs as interrupted, and begins none`() async throws {
    let began = Gate()
    let jobs = try (0..<4).map { _ in
      try home.start { _ in
        began.open()
        try await Gate().wait()
        return [:]
      }
    }
    try await withDeadline { try await began.wait() }
    try await withDeadline { [home] in await home.jobs.stop() }
    for job in jobs { #expect(try await home.jobs.get(JobGet.Params(job: job.id)).state == .interrupted) }
    #expect(home.jobs.runningCount == 0)
    let error = #expect(throws: ProtocolError.self) { try home.start() }
    #expect(error?.type == .shuttingDown)
  }

  @Test func `An end that finds the disk full is told, and written down when there is room`() async throws {
    let began = Gate()
    let gate = Gate()
    let job = try home.start { _ in
      began.open()
      try await gate.wait()
      return ["note": .string(String(repeating: "x", count: 100_000))]
    }
    try await withDeadline { try await began.wait() }
    try home.database.writeWithoutTransaction { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages + 2)")
    }
    gate.open()
    #expect(try await home.ended(job).state == .succeeded)
    #expect(home.jobs.runningCount == 0)
    #expect(try home.states(job.stream).last == .running)
    #expect(throws: ProtocolError.self) { try home.jobs.maintain() }
    try home.database.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA max_page_count = 1000000") }
    try home.jobs.maintain()
    #expect(try home.states(job.stream).last == .succeeded)
    let next = try restarted()
    try next.jobs.recover()
    #expect(try await next.jobs.get(JobGet.Params(job: job.id)).state == .succeeded)
  }

  @Test func `Old jobs go with their streams; those that have not ended stay`() async throws {
    let old = try await home.ended(home.start())
    let recent = try await home.ended(home.start())
    let gate = Gate()
    let running = try home.start { _ in
      try await gate.wait()
      return [:]
    }
    try home.database.write { db in
      try db.execute(sql: "UPDATE jobs SET ended = ended - 31 * 86400 WHERE id = ?", arguments: [old.id])
    }
    try home.jobs.maintain()
    #expect(try home.jobs.list(JobList.Params()).jobs.map(\.id) == [running.id, recent.id])
    #expect(throws: ProtocolError.self) { try home.streams.journal(old.stream) }
    #expect(throws: Never.self) { try home.streams.journal(recent.stream) }
    gate.open()
    #expect(try await home.ended(running).state == .succeeded)
  }

  @Test func `Of very many ended jobs, the newest thousand stay`() throws {
    try home.database.write { db in
      for index in 0..<1010 {
        let id = "job_" + String(repeating: "0", count: 22) + String(1000 + index)
        try JobRow.save(
          Job(
            id: id, kind: .export, title: "T", state: .succeeded, stream: "job/\(id)", version: 3,
            createdAt: "2026-11-20T22:30:00.000Z", endedAt: "2099-11-20T22:30:00.000Z"), in: db)
      }
    }
    try home.jobs.maintain()
    #expect(try home.jobs.count() == 1000)
    #expect(try home.jobs.list(JobList.Params(limit: 1000)).jobs.last?.id.hasSuffix("1010") == true)
  }
}
