import BerthProtocol
import GRDB
import JSON
import Storage
import TestSupport
import Testing

@testable import Streams

/// Events that belong to a transaction of somebody else.
@Suite struct RecordTests {
  let home: StreamHome

  init() throws {
    home = try StreamHome()
  }

  func record(_ number: Int, in db: GRDB.Database) throws {
    try home.store.record("events", type: "number", payload: ["n": .integer(number)] as JSONValue, in: db)
  }

  @Test func `A follower sees an event when its transaction is committed, not before`() async throws {
    try home.database.write { db in try record(0, in: db) }
    let journal = try home.store.journal("events")
    let first = try journal.read(after: nil, limitBytes: 1 << 20, filter: nil)
    let seen = journal.signal.value
    try home.database.write { db in
      try record(1, in: db)
      try record(2, in: db)
      #expect(try journal.read(after: first.position, limitBytes: 1 << 20, filter: nil).count == 0)
      #expect(journal.signal.value == seen)
    }
    #expect(journal.signal.value > seen)
    #expect(try journal.read(after: first.position, limitBytes: 1 << 20, filter: nil).numbers == [1, 2])
  }

  @Test func `What is rolled back has never been, and its numbers are given to others`() async throws {
    var follower = try {
      try home.database.write { db in try record(0, in: db) }
      return try home.follower("events")
    }()
    #expect(throws: CancellationError.self) {
      try home.database.write { db in
        try record(1, in: db)
        throw CancellationError()
      }
    }
    try home.database.write { db in
      try record(2, in: db)
      try db.inSavepoint {
        try record(3, in: db)
        return .rollback
      }
      try record(4, in: db)
    }
    try home.append("events", [5])
    let followed = try await withDeadline { [follower] in
      var follower = follower
      return try await follower.take(4)
    }
    #expect(followed.numbers == [0, 2, 4, 5])
    #expect(followed.gaps.isEmpty)
    let positions = followed.events.compactMap { StreamPosition(cursor: $0.cursor)?.low }
    #expect(positions == [1, 2, 3, 4])
    follower = try home.follower("events", follow: false)
    #expect(try await follower.take().numbers == [0, 2, 4, 5])
  }

  @Test func `Closing in a transaction ends the stream with it`() async throws {
    try home.database.write { db in
      try record(0, in: db)
      try home.store.close("events", in: db)
      try home.store.close("events", in: db)
    }
    var follower = try home.follower("events")
    let followed = try await follower.take()
    #expect(followed.numbers == [0] && followed.end == .closed)
    let error = #expect(throws: ProtocolError.self) {
      try home.database.write { db in try record(1, in: db) }
    }
    #expect(error?.type == .streamClosed)
  }

  @Test func `Removing in a transaction ends the followers, and a new stream of the name has other positions`()
    async throws
  {
    let old = try home.append("events", 0..<3)
    var follower = try home.follower("events")
    #expect(try await follower.take(3).numbers == [0, 1, 2])
    try home.database.write { db in
      try home.store.remove("events", in: db)
      try home.store.remove("nothing", in: db)
    }
    #expect(try await follower.take().end == .deleted)
    #expect(throws: ProtocolError.self) { try home.store.journal("events") }
    try home.append("events", [7])
    #expect(try home.read("events") == [7])
    #expect(throws: ProtocolError.self) { try home.read("events", after: old.last) }
  }

  @Test func `Outside a transaction, an event is one of its own`() throws {
    try home.database.writeWithoutTransaction { db in try record(0, in: db) }
    #expect(try home.read("events") == [0])
  }
}
