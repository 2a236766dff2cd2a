import BerthProtocol
import GRDB
import TestSupport
import Testing

@testable import Storage

@Suite struct FullDiskTests {
  let folder: TemporaryFolder
  let database: Storage.Database

  init() throws {
    folder = try TemporaryFolder()
    database = try Database(
      path: "\(folder.path)/berth.sqlite", durability: .normal,
      migrations: [Migration("notes") { db in try db.execute(sql: "CREATE TABLE notes (text BLOB)") }])
  }

  func insert(bytes: Int, into database: Storage.Database) throws {
    try database.write { db in
      try db.execute(sql: "INSERT INTO notes VALUES (randomblob(?))", arguments: [bytes])
    }
  }

  @Test func `A call that does not fit fails with no_space, and the next one that fits succeeds`() throws {
    try database.writeWithoutTransaction { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages + 10)")
    }
    let error = #expect(throws: ProtocolError.self) { try insert(bytes: 1 << 20, into: database) }
    #expect(error?.type == .noSpace)
    try insert(bytes: 100, into: database)
    #expect(try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM notes") } == 1)
  }

  @Test(.enabled(if: SmallDisk.isPossible, "mounting needs the right to"))
  func `On a disk that is really full, calls fail with no_space until there is room again`() throws {
    let disk = try SmallDisk(at: "\(folder.path)/disk", bytes: 3 << 20)
    let database = try Database(
      path: disk.path + "/berth.sqlite", durability: .full,
      migrations: [Migration("notes") { db in try db.execute(sql: "CREATE TABLE notes (text BLOB)") }])
    try insert(bytes: 1000, into: database)
    try disk.fill()
    let errors = (0..<100).compactMap { _ in
      do {
        try insert(bytes: 20_000, into: database)
        return nil as ProtocolError?
      } catch {
        return error as? ProtocolError
      }
    }
    #expect(errors.map(\.type).contains(.noSpace))
    #expect(errors.allSatisfy { $0.type == .noSpace })
    let before = try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM notes") ?? 0 }
    disk.makeRoom()
    try insert(bytes: 20_000, into: database)
    #expect(try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM notes") } == before + 1)
    #expect(try database.findDamage().isEmpty)
    try database.close()
  }
}
