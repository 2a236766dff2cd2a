import BerthProtocol
import Foundation
import GRDB
import TestSupport
import Testing

@testable import Storage

/// Files that must not be opened for writing.
@Suite struct RefusalTests {
  let folder: TemporaryFolder
  var path: String { "\(folder.path)/berth.sqlite" }

  init() throws {
    folder = try TemporaryFolder()
  }

  func open(_ migrations: [Migration] = []) throws(StorageError) -> Storage.Database {
    try Database(path: path, durability: .normal, migrations: migrations)
  }

  /// Every file of the folder.
  func contents() throws -> [String: Data] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).reduce(into: [:]) {
      $0[$1] = try Data(contentsOf: URL(filePath: "\(folder.path)/\($1)"))
    }
  }

  /// Removes what a closed database may have beside it.
  func removeSideFiles() {
    for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
  }

  /// Expects the database to be refused, and every byte to stay as it is.
  func expectRefusal(_ code: StorageError.Code, _ migrations: [Migration] = [], sideFiles: Bool = false) throws {
    let before = try contents()
    let error = #expect(throws: StorageError.self) { _ = try open(migrations) }
    #expect(error?.code == code)
    #expect(error?.message.contains(path) == true)
    var after = try contents()
    if sideFiles { after["berth.sqlite-shm"] = before["berth.sqlite-shm"] }
    #expect(after == before)
  }

  static let newer = Migration("later.create") { db in try db.execute(sql: "CREATE TABLE later (x)") }

  @Test func `A database of a newer version is refused and left untouched`() throws {
    try open([Self.newer]).close()
    removeSideFiles()
    try expectRefusal(.newer)
    // And the newer version finds it as it was.
    _ = try open([Self.newer])
  }

  @Test func `A newer version's migration is seen where it is only in the log yet`() throws {
    try open().close()
    let live = try open([Self.newer])
    // A copy of the files, as a killed server leaves them.
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: path + suffix, toPath: "\(folder.path)/copy.sqlite\(suffix)")
    }
    try live.close()
    for name in try contents().keys where name.hasPrefix("berth") {
      try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
    }
    for suffix in ["", "-wal"] {
      try FileManager.default.moveItem(atPath: "\(folder.path)/copy.sqlite\(suffix)", toPath: path + suffix)
    }
    try expectRefusal(.newer, sideFiles: true)
  }

  @Test func `A newer generation of the tables is refused and left untouched`() throws {
    try DatabaseQueue(path: path).write { db in try db.execute(sql: "PRAGMA user_version = 2; CREATE TABLE t (x)") }
    try expectRefusal(.newer)
  }

  @Test func `Another program's database is refused and left untouched`() throws {
    try DatabaseQueue(path: path).write { db in try db.execute(sql: "CREATE TABLE bookmarks (x)") }
    try expectRefusal(.foreign)
  }

  @Test func `A file that is no database is told as damaged and left untouched`() throws {
    try Data("This is not a database, but it is long enough to be looked at. ".utf8).write(to: URL(filePath: path))
    try expectRefusal(.damaged)
  }

  @Test func `A database with a destroyed page is told as damaged and left untouched`() throws {
    let filled = Migration("fill") { db in
      try db.execute(sql: "CREATE TABLE filled (x TEXT)")
      for _ in 0..<500 { try db.execute(sql: "INSERT INTO filled VALUES (hex(randomblob(100)))") }
    }
    try open([filled]).close()
    removeSideFiles()
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.seek(toOffset: 4096 * 8)
    try file.write(contentsOf: Data(repeating: 0x5a, count: 4096 * 3))
    try file.close()
    try expectRefusal(.damaged, [filled])
  }

  @Test func `Damage deep in a large database is found when it is looked for`() throws {
    let filled = Migration("fill") { db in
      try db.execute(sql: "CREATE TABLE filled (x TEXT)")
      for _ in 0..<500 { try db.execute(sql: "INSERT INTO filled VALUES (hex(randomblob(10000)))") }
    }
    try open([filled]).close()
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.seek(toOffset: 4096 * 1000)
    try file.write(contentsOf: Data(repeating: 0x5a, count: 4096 * 3))
    try file.close()
    try open([filled]).close()
    let error = #expect(throws: StorageError.self) {
      _ = try Database(path: path, durability: .normal, migrations: [filled], checkingWhole: true)
    }
    #expect(error?.code == .damaged)
  }

  @Test func `A database that was cut short is told as damaged and left untouched`() throws {
    try open().close()
    removeSideFiles()
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.truncate(atOffset: 4096 + 100)
    try file.close()
    try expectRefusal(.damaged)
  }

  @Test func `A damaged database can be set aside, and a new one begun`() throws {
    let text = Data("no database".utf8)
    try text.write(to: URL(filePath: path))
    try Data("log".utf8).write(to: URL(filePath: path + "-wal"))
    let aside = try Database.setAside(path: path)
    #expect(try Data(contentsOf: URL(filePath: aside)) == text)
    #expect(try Data(contentsOf: URL(filePath: aside + "-wal")) == Data("log".utf8))
    #expect(throws: Never.self) { try open().checkWritable() }
  }

  @Test func `An empty file, such as a killed first start leaves, is begun anew`() throws {
    try Data().write(to: URL(filePath: path))
    #expect(throws: Never.self) { try open().checkWritable() }
  }

  @Test func `A folder that may not be entered is told in words`() throws {
    let error = #expect(throws: StorageError.self) {
      _ = try Database(path: "\(folder.path)/missing/berth.sqlite", durability: .normal, migrations: [])
    }
    #expect(error?.code == .unavailable)
  }
}
