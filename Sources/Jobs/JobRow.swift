import BerthProtocol
import GRDB
import JSON
import Platform
import Storage

/// A job as the database keeps it: the protocol's own structure, with what it is searched by beside it.
enum JobRow {
  static let migrations = [
    Migration("jobs.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE jobs (
            id TEXT NOT NULL PRIMARY KEY,
            workspace TEXT,
            state TEXT NOT NULL,
            ended INTEGER,
            job TEXT NOT NULL
          ) WITHOUT ROWID
          """)
    },
    Migration("jobs.subject") { db in
      try db.execute(sql: "ALTER TABLE jobs ADD COLUMN subject TEXT; CREATE INDEX jobs_subject ON jobs (subject, id)")
    },
  ]

  /// Writes a job; `ended` is in seconds since 1970.
  static func save(_ job: Job, in db: GRDB.Database) throws {
    let ended = job.endedAt.flatMap { Timestamp.nanoseconds(from: $0) }.map { $0 / 1_000_000_000 }
    let statement = try db.cachedStatement(sql: "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)")
    try statement.execute(
      arguments: [job.id, job.workspace, job.state.rawValue, ended, job.jsonString, job.subject])
  }

  static func find(_ id: String, in db: GRDB.Database) throws -> Job? {
    let statement = try db.cachedStatement(sql: "SELECT job FROM jobs WHERE id = ?")
    return try String.fetchOne(statement, arguments: [id]).map { try decode($0) }
  }

  static func count(in db: GRDB.Database) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM jobs") ?? 0
  }

  /// Jobs from the newest on: an id begins with the time it was made at.
  static func list(
    workspace: String? = nil, subject: String? = nil, states: [JobState]?, before id: String?, limit: Int,
    in db: GRDB.Database
  ) throws -> [Job] {
    var conditions = ["TRUE"]
    var arguments: StatementArguments = []
    if let workspace {
      conditions.append("workspace = ?")
      arguments += [workspace]
    }
    if let subject {
      conditions.append("subject = ?")
      arguments += [subject]
    }
    if let states {
      conditions.append("state IN (\(databaseQuestionMarks(count: states.count)))")
      arguments += StatementArguments(states.map(\.rawValue))
    }
    if let id {
      conditions.append("id < ?")
      arguments += [id]
    }
    arguments += [limit]
    return try String.fetchAll(
      db, sql: "SELECT job FROM jobs WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?",
      arguments: arguments
    ).map { try decode($0) }
  }

  /// Ended jobs that are too old, and those beyond the newest ones.
  static func expired(olderThan cutoff: Int64, keeping count: Int, in db: GRDB.Database) throws -> [Job] {
    try String.fetchAll(
      db,
      sql: """
        SELECT job FROM jobs WHERE ended < ?
        UNION ALL
        SELECT job FROM (SELECT job, ended FROM jobs WHERE ended IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET ?)
        WHERE ended >= ?
        """,
      arguments: [cutoff, count, cutoff]
    ).map { try decode($0) }
  }

  static func delete(_ id: String, in db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM jobs WHERE id = ?", arguments: [id])
  }

  private static func decode(_ text: String) throws -> Job {
    try Decoding.decode(Job.self, from: JSONParser.parse(text))
  }
}

extension JobState {
  /// The states of jobs that have not ended.
  static let unended: [JobState] = [.queued, .running]

  var hasEnded: Bool { !Self.unended.contains(self) }
}
