import BerthProtocol
import Glibc
import Platform
import Testing

@testable import Workspaces

struct WatchTests {
  let fixture: WatchFixture
  var files: FilesFixture { fixture.files }

  init() throws { fixture = try WatchFixture() }

  @Test func `What happens is told in the stream`() async throws {
    try files.put("old", "1")
    let follower = try fixture.watch()
    try files.put("a/b/new")
    let made = try await follower.changes(before: files)
    #expect(made.filter { $0.type == EventType.fileCreated }.text == ["+a/", "+a/b/", "+a/b/new"])
    try files.write("old", "2")
    #expect(try await follower.changes(before: files).text == ["*old"])
    try files.rename("a", "c")
    let moved = try await follower.changes(before: files)
    #expect(moved.text == ["a>c/"] && moved.first?.kind == .directory)
    try files.remove("c")
    #expect(try await Set(follower.changes(before: files).text) == ["-c/", "-c/b/", "-c/b/new"])
    #expect(mkfifo(files.path + "/pipe", 0o600) == 0)
    #expect(try await follower.changes(before: files).first?.kind == .other)
  }

  @Test func `New folders are watched at once, and what is in them is told`() async throws {
    let follower = try fixture.watch(debounceMs: 5)
    for index in 0..<200 { try files.put("n\(index)/a/b/c", "x") }
    let told = try await follower.changes(before: files).text.filter { $0.hasPrefix("+") }
    let expected = (0..<200).flatMap { ["+n\($0)/", "+n\($0)/a/", "+n\($0)/a/b/", "+n\($0)/a/b/c"] }
    #expect(Set(told) == Set(expected) && told.count == expected.count)
    try files.put("n0/a/b/d")
    try files.put("n0/a/b/c", "y")
    let more = try await follower.changes(before: files).text
    #expect(more.contains("+n0/a/b/d") && more.contains("*n0/a/b/c"))
  }

  @Test func `Changes are told at once where that is asked for`() async throws {
    let follower = try fixture.watch(debounceMs: 0)
    for index in 0..<20 {
      try files.put("file-\(index)")
      let told = try await follower.changes { _, told in !told.isEmpty }
      #expect(told.first?.description == "+file-\(index)")
      _ = try await follower.changes(before: files)
    }
  }

  @Test func `Links are told and never followed`() async throws {
    let outside = try FilesFixture()
    try outside.put("file")
    try files.link("before", to: outside.path)
    let follower = try fixture.watch()
    try files.link("after", to: outside.path)
    try outside.put("file", "changed")
    try outside.put("new")
    #expect(try await follower.changes(before: files).text == ["+after@"])
    #expect(errorType { try fixture.watch("before") } == .pathEscapes)
  }

  @Test func `A folder below, one level of it, and a single file can be watched`() async throws {
    try files.put("a/b/c")
    try files.put("a/file")
    try files.put("other")
    let below = try fixture.watch("a")
    let level = try fixture.watch("a", recursive: false)
    let single = try fixture.watch("a/file", debounceMs: 0)
    try files.put("other", "changed")
    try files.put("a/b/c", "changed")
    try files.write("a/file", "changed")
    #expect(try await Set(below.changes(before: files, in: "a/").text) == ["*a/b/c", "*a/file"])
    #expect(try await level.changes(before: files, in: "a/").text == ["*a/file"])
    try files.remove("a/file")
    let told = try await single.changes { _, told in told.contains { $0.type == EventType.fileDeleted } }
    #expect(told.text == ["*a/file", "-a/file"])
    #expect(errorType { try fixture.watch("missing") } == .fileNotFound)
    #expect(errorType { try fixture.watch("..") } == .pathEscapes)
    #expect(errorType { try fixture.watch(include: ["["]) } == .invalidArgument)
  }

  @Test func `A stream ends when its folder is removed or moved away`() async throws {
    for path in ["removed", "moved", "above/inner", "file-in/file"] { try files.put(path + "/x") }
    let removed = try fixture.watch("removed")
    let moved = try fixture.watch("moved")
    let inner = try fixture.watch("above/inner")
    let file = try fixture.watch("file-in/file/x")
    let whole = try fixture.watch()
    #expect(fixture.service.count == 5)
    try files.remove("removed")
    try files.rename("moved", "elsewhere")
    try files.rename("above", "below")
    try files.remove("file-in")
    for follower in [removed, moved, inner, file] { try await follower.end() }
    #expect(fixture.service.count == 1)
    #expect(rename(files.path, files.path + "-moved") == 0)
    try await whole.end()
    #expect(rename(files.path + "-moved", files.path) == 0)
    #expect(fixture.service.count == 0)
  }

  @Test func `A stream ends when the workspace's folder is removed, although it is open`() async throws {
    let follower = try fixture.watch()
    let name = try #require(FileName(String(files.path.dropFirst("/tmp/".count))))
    try Directory(path: "/tmp").removeTree(name)
    try await follower.end()
  }

  @Test func `The watches of a workspace can be ended`() async throws {
    let follower = try fixture.watch()
    fixture.service.end(workspace: "ws_other")
    #expect(fixture.service.count == 1)
    fixture.service.end(workspace: "ws_1")
    try await follower.end()
    #expect(fixture.service.count == 0)
  }

  @Test("Who carries out what is told has what is there, whatever happens meanwhile", arguments: 1...4, [0, 20])
  func chance(_ seed: UInt64, _ debounceMs: Int) async throws {
    var chance = Chance(state: seed)
    for _ in 0..<30 { chance.disturb(files) }
    let follower = try fixture.watch(gitignore: false, debounceMs: debounceMs)
    var model = Model(try files.paths())
    for _ in 0..<4 {
      for _ in 0..<200 { chance.disturb(files) }
      let there = try files.paths()
      // What could not be found at first is told a little later.
      for _ in 0..<100 {
        model.apply(try await follower.changes(before: files))
        if model.paths == there { break }
      }
      try #require(
        model.paths == there, "missing \(there.subtracting(model.paths)), left \(model.paths.subtracting(there))")
    }
    #expect(follower.gaps == 0)
  }

  @Test func `A folder that is busy while it comes is told whole`() async throws {
    let outside = try FilesFixture()
    let follower = try fixture.watch(debounceMs: 5)
    for round in 0..<10 {
      for index in 0..<30 { try outside.put("r\(round)/d\(index)/file") }
      let (source, target, folder) = (outside.path + "/r\(round)", files.path + "/r\(round)", files)
      try withThread {
        for index in 0..<200 { try? folder.put("r\(round)/d\(index % 30)/new-\(index)") }
      } while: {
        #expect(rename(source, target) == 0 || errno == ENOTEMPTY)
      }
    }
    let there = try files.paths()
    var model = Model([])
    model.apply(try await follower.changes(before: files))
    #expect(model.paths == there)
  }
}

/// What a client knows that carries out what it is told: paths, those of folders with a slash behind.
private struct Model {
  private(set) var paths: Set<String>

  init(_ paths: Set<String>) {
    self.paths = paths
  }

  mutating func apply(_ told: [Told]) {
    for change in told {
      let mark = change.kind == .directory ? "/" : ""
      switch change.type {
      case EventType.fileCreated: paths.insert(change.path + mark)
      case EventType.fileDeleted: paths.remove(change.path + mark)
      case EventType.fileMoved:
        let origin = (change.from ?? "") + mark
        for path in paths where path == origin || (!mark.isEmpty && path.hasPrefix(origin)) {
          paths.remove(path)
          paths.insert(change.path + mark + path.dropFirst(origin.count))
        }
      default: break
      }
    }
  }
}
