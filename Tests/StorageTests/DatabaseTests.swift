import BerthProtocol
import GRDB
import TestSupport
import Testing

@testable import Storage

@Suite struct DatabaseTests {
  let folder: TemporaryFolder
  var path: String { "\(folder.path)/berth.sqlite" }

  static let notes = Migration("notes.create") { db in
    try db.execute(sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
  }

  init() throws {
    folder = try TemporaryFolder()
  }

  func open(_ durability: Durability = .normal, _ migrations: [Migration] = [notes]) throws -> Storage.Database {
    try Database(path: path, durability: durability, migrations: migrations)
  }

  func texts(_ database: Storage.Database) throws -> [String] {
    try database.read { db in try String.fetchAll(db, sql: "SELECT text FROM notes ORDER BY id") }
  }

  @Test func `What was written is there after the database was opened again`() throws {
    var database = try open()
    try database.write { db in try db.execute(sql: "INSERT INTO notes (text) VALUES ('a')") }
    try database.close()
    database = try open()
    #expect(try texts(database) == ["a"])
  }

  @Test func `A transaction that throws leaves nothing behind`() throws {
    let database = try open()
    #expect(throws: CancellationError.self) {
      try database.write { db in
        try db.execute(sql: "INSERT INTO notes (text) VALUES ('a')")
        throw CancellationError()
      }
    }
    #expect(try texts(database).isEmpty)
  }

  @Test(arguments: [(Durability.normal, 1), (.full, 2)])
  func `Durability decides what a commit waits for`(durability: Durability, synchronous: Int) throws {
    let database = try open(durability)
    let found = try database.writeWithoutTransaction { db in
      (
        try Int.fetchOne(db, sql: "PRAGMA synchronous"), try String.fetchOne(db, sql: "PRAGMA journal_mode"),
        try Int.fetchOne(db, sql: "PRAGMA foreign_keys")
      )
    }
    #expect(found == (synchronous, "wal", 1))
  }

  @Test func `A later version's migration runs once, on top of the earlier ones`() throws {
    let more = Migration("notes.fill") { db in try db.execute(sql: "INSERT INTO notes (text) VALUES ('filled')") }
    try open().close()
    try open(.normal, [Self.notes, more]).close()
    #expect(try texts(open(.normal, [Self.notes, more])) == ["filled"])
  }

  @Test func `Damage in a page is found on request`() throws {
    let database = try open()
    #expect(try database.findDamage().isEmpty)
    #expect(throws: Never.self) { try database.checkWritable() }
    #expect(throws: Never.self) { try database.maintain() }
  }

  @Test func `A violated constraint stays the domain's own error`() throws {
    let database = try open()
    let error = #expect(throws: DatabaseError.self) {
      try database.write { db in
        try db.execute(sql: "INSERT INTO notes (text) VALUES ('a'), ('a')")
      }
    }
    #expect(error?.resultCode == .SQLITE_CONSTRAINT)
  }

  @Test func `Another program's lock makes the call fail as retryable`() throws {
    let error = ProtocolError(
      DatabaseError(resultCode: .SQLITE_BUSY, message: "database is locked"), systemError: 0, path: path)
    #expect(error.type == .databaseUnavailable)
    #expect(error.message.contains(path))
  }

  @Test func `A closed database answers with an error`() throws {
    let database = try open()
    try database.close()
    let error = #expect(throws: ProtocolError.self) { try database.checkWritable() }
    #expect(error?.type == .databaseUnavailable)
  }
}
