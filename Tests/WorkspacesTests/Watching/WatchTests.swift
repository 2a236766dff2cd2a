import BerthProtocol
import Glibc
import Platform
import Testing

@testable import Workspaces

struct WatchTests {
  let fixture: WatchFixture
  var files: FilesFixture { fixture.files }

  init() throws { fixture = try WatchFixture() }

  /// What was told before now, in any order.
  private func expect(
    _ follower: WatchFollower, _ expected: Set<String>, in folder: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let told = Set(try await follower.changes(before: files, in: folder).text)
    #expect(told == expected, sourceLocation: sourceLocation)
  }

  // MARK: What is told

  @Test func `What is made, changed and deleted is told`() async throws {
    try files.put("old", "1")
    try files.put("gone")
    try files.put("a/old")
    let follower = try fixture.watch()
    try files.put("new", "content")
    try files.put("old", "2")
    try fixture.remove("gone")
    try files.link("a/link", to: "old")
    #expect(chmod(files.path + "/a/old", 0o600) == 0)
    #expect(mkfifo(files.path + "/pipe", 0o600) == 0)
    let told = try await follower.changes(before: files)
    #expect(Set(told.text) == ["+new", "*old", "-gone", "+a/link@", "*a/old", "+pipe"])
    #expect(told.first { $0.path == "pipe" }?.kind == .other)
  }

  @Test func `New folders are watched at once, and what is in them is told`() async throws {
    let follower = try fixture.watch()
    for index in 0..<200 { try files.put("n\(index)/a/b/c", "x") }
    let told = try await follower.changes(before: files)
    let expected = (0..<200).flatMap { ["+n\($0)/", "+n\($0)/a/", "+n\($0)/a/b/", "+n\($0)/a/b/c"] }
    // A file that was found while it was still being written is told once more.
    #expect(Set(told.text.filter { !$0.hasPrefix("*") }) == Set(expected))
    #expect(told.text.filter { $0.hasPrefix("+") }.count == expected.count)
    try files.put("n0/a/b/d")
    try files.put("n0/a/b/c", "y")
    try await expect(follower, ["+n0/a/b/d", "*n0/a/b/c"])
  }

  @Test func `A tree that is removed is told entry by entry`() async throws {
    try files.put("a/b/c")
    try files.put("a/d")
    let follower = try fixture.watch()
    try fixture.remove("a")
    try await expect(follower, ["-a/", "-a/b/", "-a/b/c", "-a/d"])
    try files.put("a/b/c")
    try await expect(follower, ["+a/", "+a/b/", "+a/b/c"])
  }

  @Test func `Many changes to one path are told as one`() async throws {
    try files.put("old")
    try files.put("replaced")
    let follower = try fixture.watch(debounceMs: 300)
    for index in 0..<50 { try files.put("new", "\(index)") }
    for index in 0..<50 { try files.put("old", "\(index)") }
    try files.put("short")
    try fixture.remove("short")
    try fixture.remove("replaced")
    try files.put("replaced")
    try files.put("folder/file")
    try fixture.remove("folder")
    try await expect(follower, ["+new", "*old", "*replaced"])
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

  @Test func `A file that is saved by a rename has changed`() async throws {
    try files.put("file", "old")
    let follower = try fixture.watch()
    try files.write("file", "new")
    try files.write("made", "new")
    try files.put("file.tmp", "newer")
    try fixture.rename("file.tmp", "file")
    try await expect(follower, ["*file", "+made"])
    // As editors do that keep the file before under another name for a while.
    try fixture.rename("file", "file~")
    try files.put("file", "newest")
    try fixture.remove("file~")
    try await expect(follower, ["*file"])
  }

  // MARK: Moves

  @Test func `Moves are told as moves, and what is moved is watched where it is`() async throws {
    try files.put("file")
    try files.put("a/b/c")
    try files.folder("d")
    let follower = try fixture.watch()
    try fixture.rename("file", "d/renamed")
    try fixture.rename("a", "d/a")
    try files.put("d/a/b/new")
    try fixture.rename("d/a/b", "e")
    try files.put("e/c", "changed")
    try await expect(follower, ["file>d/renamed", "a>d/a/", "a/b>e/", "+e/new", "*e/c"])
    try files.put("a/b/c")
    try await expect(follower, ["+a/", "+a/b/", "+a/b/c"])
  }

  @Test func `What is moved out is deleted, and what is moved in is made`() async throws {
    let outside = try FilesFixture()
    try outside.put("in/a/b")
    try files.put("out/a/b")
    try files.put("file")
    let follower = try fixture.watch()
    #expect(rename(files.path + "/out", outside.path + "/out") == 0)
    #expect(rename(files.path + "/file", outside.path + "/file") == 0)
    #expect(rename(outside.path + "/in", files.path + "/in") == 0)
    try await expect(follower, ["-out/", "-out/a/", "-out/a/b", "-file", "+in/", "+in/a/", "+in/a/b"])
    try outside.put("out/a/b", "changed")
    try outside.put("out/new")
    try files.put("in/a/b", "changed")
    try await expect(follower, ["*in/a/b"])
  }

  @Test func `A file that is moved over another replaces it`() async throws {
    try files.put("one")
    try files.put("two")
    let follower = try fixture.watch()
    try fixture.rename("one", "two")
    try await expect(follower, ["-two", "one>two"])
  }

  @Test func `Entries that are exchanged are both there afterwards, and watched`() async throws {
    try files.put("a/one")
    try files.put("b/two")
    let follower = try fixture.watch()
    try fixture.exchange("a", "b")
    let told = try await follower.changes(before: files)
    var model = Model(["a/", "a/one", "b/", "b/two"])
    model.apply(told)
    #expect(model.paths == ["a/", "a/two", "b/", "b/one"])
    try files.put("a/new")
    try files.put("b/new")
    try await expect(follower, ["+a/new", "+b/new"])
  }

  @Test func `A folder that is exchanged for a hidden one is told anew`() async throws {
    try files.put("a/one")
    try files.put(".berth-staged/two")
    let follower = try fixture.watch()
    try fixture.exchange(".berth-staged", "a")
    try await expect(follower, ["-a/", "-a/one", "+a/", "+a/two"])
    try files.put("a/three")
    try await expect(follower, ["+a/three"])
  }

  // MARK: What is left out

  @Test func `Rules and globs leave out, and what they name is not watched`() async throws {
    try files.put(".gitignore", "build/\n*.log\n")
    try files.put("build/a")
    try files.put(".git/index")
    try files.put("node_modules/m/i.js")
    let follower = try fixture.watch(exclude: ["node_modules", "*.tmp"])
    for path in ["build/b", "a.log", ".git/HEAD", "node_modules/m/j.js", "a.tmp", "a.txt", ".berth-own"] {
      try files.put(path)
    }
    try fixture.rename("a.log", "b.txt")
    try fixture.rename("a.txt", "c.log")
    try await expect(follower, ["+b.txt"])
    let all = try fixture.watch(gitignore: false)
    try files.put("a.log")
    try files.put("build/c")
    try await expect(all, ["+a.log", "+build/c"])
  }

  @Test func `Only what the globs name is told`() async throws {
    try files.folder("src")
    try files.folder("doc")
    let follower = try fixture.watch(include: ["src/**/*.swift", "~mark*"])
    for path in ["src/a.swift", "src/a.c", "doc/a.swift", "src/deep/er/b.swift", "a.swift"] { try files.put(path) }
    try fixture.rename("src/a.c", "src/c.swift")
    #expect(
      Set(try await follower.changes(before: files).text) == ["+src/a.swift", "+src/deep/er/b.swift", "+src/c.swift"])
  }

  @Test func `A .gitignore that changes counts from then on`() async throws {
    try files.put(".gitignore", "build/\n")
    try files.put("build/a")
    let follower = try fixture.watch()
    try files.put(".gitignore", "*.log\n")
    try await expect(follower, ["*.gitignore", "+build/", "+build/a"])
    try files.put("build/b")
    try files.put("a.log")
    try await expect(follower, ["+build/b"])
    try files.put("build/.gitignore", "b\n")
    try await expect(follower, ["+build/.gitignore"])
    try files.put("build/b", "changed")
    try files.put("build/c")
    try await expect(follower, ["+build/c"])
  }

  @Test func `Links are told and never followed`() async throws {
    let outside = try FilesFixture()
    try outside.put("file")
    try files.link("before", to: outside.path)
    let follower = try fixture.watch()
    try files.link("after", to: outside.path)
    try outside.put("file", "changed")
    try outside.put("new")
    try await expect(follower, ["+after@"])
    #expect(errorType { try fixture.watch("before") } == .pathEscapes)
  }

  // MARK: What is watched

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
    try await expect(below, ["*a/b/c", "*a/file"], in: "a/")
    try await expect(level, ["*a/file"], in: "a/")
    try fixture.remove("a/file")
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
    try fixture.remove("removed")
    try fixture.rename("moved", "elsewhere")
    try fixture.rename("above", "below")
    try fixture.remove("file-in")
    for follower in [removed, moved, inner, file] { try await follower.end() }
    #expect(fixture.service.count == 1)
    #expect(rename(files.path, files.path + "-moved") == 0)
    try await whole.end()
    #expect(rename(files.path + "-moved", files.path) == 0)
    #expect(fixture.service.count == 0)
  }

  @Test func `A stream ends when the workspace's folder is removed, although it is open`() async throws {
    let inner = try WatchFixture()
    let follower = try inner.watch()
    try inner.files.put("file")
    #expect(try await follower.changes(before: inner.files).text == ["+file"])
    let name = try #require(FileName(String(inner.files.path.dropFirst("/tmp/".count))))
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
}
