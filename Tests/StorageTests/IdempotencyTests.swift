import BerthProtocol
import GRDB
import JSON
import TestSupport
import Testing

@testable import Storage

@Suite struct IdempotencyTests {
  let folder: TemporaryFolder
  let database: Storage.Database

  init() throws {
    folder = try TemporaryFolder()
    database = try Database(path: "\(folder.path)/berth.sqlite", durability: .normal, migrations: [])
  }

  func call(_ params: JSONValue, key: String = "k") -> Idempotency.Call {
    Idempotency.Call(scope: "thing/make", key: key, params: params)
  }

  func record(_ result: JSONValue, _ params: JSONValue) throws {
    try database.write { db in try Idempotency.record(result, of: call(params), in: db) }
  }

  func result(_ params: JSONValue, key: String = "k") throws -> JSONValue? {
    try database.read { db in try Idempotency.result(of: call(params, key: key), in: db) }
  }

  @Test func `The first call with a key has no result yet, a repetition has the first one's`() throws {
    #expect(try result(["a": 1]) == nil)
    try record(["id": "x"], ["a": 1])
    #expect(try result(["a": 1]) == ["id": "x"])
    #expect(try result(["a": 1], key: "other") == nil)
  }

  @Test func `The order of members and members that are null make no difference`() throws {
    try record("first", ["a": 1, "b": ["c": true, "d": 2.5]])
    #expect(try result(["b": ["d": 2.5, "e": nil, "c": true], "a": 1, "z": nil]) == "first")
  }

  @Test(arguments: [["a": 2], ["a": "1"], ["a": [1]], ["a": 1, "b": 0], [:]] as [JSONValue])
  func `The same key with other parameters is a conflict`(params: JSONValue) throws {
    try record("first", ["a": 1])
    let error = #expect(throws: ProtocolError.self) { try result(params) }
    #expect(error?.type == .idempotencyConflict)
  }

  @Test func `A key is forgotten after a week`() throws {
    try record("first", ["a": 1])
    try database.maintain()
    #expect(try result(["a": 1]) == "first")
    try database.write { db in
      try db.execute(sql: "UPDATE idempotency SET created = created - ?", arguments: [Idempotency.keepSeconds + 10])
    }
    try database.maintain()
    #expect(try result(["a": 1]) == nil)
  }
}
