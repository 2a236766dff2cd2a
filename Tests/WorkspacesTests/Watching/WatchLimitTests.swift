import BerthProtocol
import Glibc
import Platform
import Streams
import Testing

@testable import Workspaces

struct WatchLimitTests {
  @Test func `A watch that would pass the limit is refused, and nothing of it is left`() async throws {
    let fixture = try WatchFixture(maximumDirectories: 6)
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
    #expect(try await first.changes(before: fixture.files, in: "a0/").text == ["+a0/new"])
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

  @Test func `Lost events are told as a gap, and what was missed is watched`() throws {
    let files = try FilesFixture()
    try files.put("gone/file")
    try files.put("kept/file")
    let table = WatchTable(inotify: try Inotify(), maximumDirectories: { 100 })
    let events = WatchEvents(table)
    let journal = MemoryJournal(name: "test")
    let params = FileWatch.Params(workspace: "w")
    let watch = FolderWatch(
      WatchRequest(
        journal: journal, workspace: try files.open("w", for: .read), start: .root, onlyName: nil,
        filter: try ListFilter(include: nil, exclude: nil), params: params))
    let folder = WatchedFolder(watch)
    watch.folder = folder
    try table.scan(folder, telling: .nothing)
    #expect(table.count == 3)

    // All that happens now is lost.
    try files.put("new/deep/file")
    _ = try files.service.delete(FileDelete.Params(workspace: "w", path: "gone", recursive: true))
    while try !table.inotify.read().isEmpty {}
    let overflow = Inotify.Event(watch: -1, kinds: .overflow, cookie: 0, name: nil)
    #expect(events.take(overflow, now: 0).isEmpty)
    #expect(events.settleAt == 0)
    #expect(events.settle(now: 1, isQuiet: true, watches: [watch]).isEmpty)
    let batch = journal.read(after: nil, limitBytes: 1000, filter: nil)
    #expect(batch.gap?.reason == .overflow && batch.count == 0)
    #expect(Set(folder.all.map(\.path.string)) == ["", "kept", "new", "new/deep"])

    // From here on nothing is missed, and nothing told that was there.
    try files.put("new/deep/file", "changed")
    try files.put("new/deep/other")
    try files.put("gone")
    for event in try table.inotify.read() { _ = events.take(event, now: 2) }
    let told = watch.changes.drain().map { "\($0.what) \($0.path)" }
    #expect(told == ["changed new/deep/file", "created new/deep/other", "created gone"])
  }
}
