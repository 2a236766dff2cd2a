internal import Foundation
internal import GRDB
internal import Storage

/// What is written down of a stage: where it is, and what is being changed.
struct PlacementRow: Sendable {
  enum State: String, Sendable {
    /// The workspace is as it was.
    case staging
    /// The plan is being carried out; whatever was done of it is to be taken back.
    case placing
    /// All is in place; only the stage is left.
    case placed
  }

  var job: String
  /// The workspace's id; empty for a folder that is to become a workspace's.
  var workspace: String
  /// The workspace's folder.
  var folder: String
  /// The folder that the stage is in.
  var parent: String
  var state: State = .staging
  var plan: PlacementPlan?

  static let migrations = [
    Migration("placements.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE placement (
            job TEXT NOT NULL PRIMARY KEY,
            workspace TEXT NOT NULL,
            folder TEXT NOT NULL,
            parent TEXT NOT NULL,
            state TEXT NOT NULL,
            plan BLOB
          )
          """)
    }
  ]

  init(job: String, workspace: String, folder: String, parent: String) {
    self.job = job
    self.workspace = workspace
    self.folder = folder
    self.parent = parent
  }

  private init(_ row: Row) throws {
    self.init(job: row["job"], workspace: row["workspace"], folder: row["folder"], parent: row["parent"])
    state = State(rawValue: row["state"]) ?? .staging
    let bytes: [UInt8]? = try row.withUnsafeData(named: "plan") { data in data.map { Array($0) } }
    plan = try bytes.map { try PlacementPlan(decoding: $0) }
  }

  func insert(in database: Storage.Database) throws {
    try database.write { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO placement VALUES (?, ?, ?, ?, ?, NULL)",
        arguments: [job, workspace, folder, parent, state.rawValue])
    }
  }

  static func find(_ job: String, in database: Storage.Database) throws -> PlacementRow? {
    try database.read { db in
      try Row.fetchOne(db, sql: "SELECT * FROM placement WHERE job = ?", arguments: [job]).map { try PlacementRow($0) }
    }
  }

  static func all(in database: Storage.Database) throws -> [PlacementRow] {
    try database.read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM placement ORDER BY job").map { try PlacementRow($0) }
    }
  }

  /// - Parameter plan: Kept where it is nil, unless the workspace is as it was.
  static func write(
    _ state: State, _ plan: PlacementPlan? = nil, of job: String, in database: Storage.Database
  ) throws {
    try database.write { db in
      if let plan {
        try db.execute(
          sql: "UPDATE placement SET state = ?, plan = ? WHERE job = ?",
          arguments: [state.rawValue, Data(plan.encoded()), job])
      } else {
        try db.execute(
          sql: "UPDATE placement SET state = ?, plan = NULL WHERE job = ?", arguments: [state.rawValue, job])
      }
    }
  }

  static func delete(_ job: String, in database: Storage.Database) throws {
    try database.write { db in try db.execute(sql: "DELETE FROM placement WHERE job = ?", arguments: [job]) }
  }
}
