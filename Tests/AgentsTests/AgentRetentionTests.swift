import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Testing
import Workspaces

@testable import Agents

@Suite("Retention of sessions")
struct AgentRetentionTests {
  private static func service(_ fixture: RunFixture, keepDays: Int) throws -> AgentService {
    let services = fixture.services
    var config = Config()
    config.runs.keepDays = keepDays
    let kept = config
    return try AgentService(
      home: services.home, database: services.database, streams: services.streams, workspaces: services.workspaces,
      files: services.files, supervision: services.supervision, config: { kept })
  }

  private static func sessions(_ fixture: RunFixture) throws -> [String] {
    try fixture.services.database.read { db in try String.fetchAll(db, sql: "SELECT id FROM agent_sessions") }
  }

  private static func use(_ fixture: RunFixture, daysAgo days: Int) throws {
    let time = Timestamp.string(
      nanosecondsSince1970: Timestamp.nanosecondsNow() - Int64(days) * 86_400_000_000_000)
    try fixture.services.database.write { db in
      try db.execute(sql: "UPDATE agent_sessions SET updated_at = ?", arguments: [time])
    }
  }

  @Test(
    "those that nobody has used for long are forgotten, others stay",
    arguments: [(10, 30, 1), (40, 30, 0), (400, 0, 1)])
  func age(daysAgo: Int, keepDays: Int, left: Int) async throws {
    let fixture = try RunFixture { _ in AgentConfig(kind: .command, command: "true") }
    try Self.use(fixture, daysAgo: daysAgo)
    try await Self.service(fixture, keepDays: keepDays).maintain()
    #expect(try Self.sessions(fixture).count == left)
  }

  @Test("those of a workspace that is gone for good are forgotten")
  func workspace() async throws {
    let fixture = try RunFixture { _ in AgentConfig(kind: .command, command: "true") }
    try fixture.services.database.write { db in try db.execute(sql: "DELETE FROM workspaces") }
    try await Self.service(fixture, keepDays: 0).maintain()
    #expect(try Self.sessions(fixture).isEmpty)
  }
}
