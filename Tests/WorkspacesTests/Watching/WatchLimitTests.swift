import BerthProtocol
import Glibc
import Platform
import Streams
import Testing

@testable import Workspaces

struct WatchLimitTests {
  @Test func `A watch that would pass the limit is refused, and nothing of it is left`() async throws {
    let fixture = try WatchFixture(maximumDirectories: 5)
    for index in 0..<4 { try fixture.files.put("a\(index)/file") }
    let first = try fixture.watch("a0")
    do {
      _ = try fixture.watch()
      Issue.record("the limit was passed")
    } catch let error as ProtocolError {
      #expect(error.type == .limitReached && error.message.contains("watch.maxDirectories"))
    }
    #expect(fixture.service.count == 1)
    // What the refused watch took is free again, and the first one goes on.
    _ = try fixture.watch("a1")
    try fixture.files.put("a0/new")
    #expect(try await Set(first.changes(before: fixture.files, in: "a0/").text) == ["+a0/new"])
  }

  @Test func `A watch that grows past the limit ends with a gap`() async throws {
    let fixture = try WatchFixture(maximumDirectories: 4)
    let follower = try fixture.watch()
    for index in 0..<8 { try fixture.files.put("a\(index)/file") }
    try await follower.end()
    #expect(follower.gaps > 0)
    #expect(errorType { try fixture.watch() } == .limitReached)
  }

  @Test func `A watch ends some time after its last attachment`() async throws {
    let fixture = try WatchFixture(lingerSeconds: 0.2)
    let never = try fixture.watch()
    let followed = try fixture.watch()
    let stream = followed.journal.name
    fixture.service.attached(stream)
    fixture.service.attached(stream)
    fixture.service.detached(stream)
    try await never.end()
    #expect(!fixture.hasStream(never.journal.name) && fixture.hasStream(stream))
    #expect(fixture.service.count == 1)
    try fixture.files.put("file")
    #expect(try await followed.changes(before: fixture.files).text == ["+file"])
    fixture.service.detached(stream)
    // Somebody comes back in time.
    fixture.service.attached(stream)
    fixture.service.detached(stream)
    try await followed.end()
    #expect(fixture.service.count == 0 && !fixture.hasStream(stream))
  }
}
