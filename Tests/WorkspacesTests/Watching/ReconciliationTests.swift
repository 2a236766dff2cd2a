import Glibc
import Platform
import Testing

@testable import Workspaces

struct ReconciliationTests {
  let files: FilesFixture

  init() throws { files = try FilesFixture() }

  @Test func `What is made, changed and deleted is told`() throws {
    for path in ["old", "gone", "a/old"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.put("new", "content")
    try files.put("old", "2")
    try files.remove("gone")
    try files.link("a/link", to: "old")
    #expect(chmod(files.path + "/a/old", 0o600) == 0)
    #expect(chmod(files.path + "/a", 0o700) == 0)
    try watch.expect(["-gone", "+new", "+a/link@", "*old", "*a/", "*a/old"])
    try watch.expect([])
  }

  @Test func `Many changes to one path are told as one`() throws {
    for path in ["old", "replaced"] { try files.put(path) }
    let watch = try LookFixture(files)
    for index in 0..<50 { try files.put("new", "\(index)") }
    for index in 0..<50 { try files.put("old", "\(index)") }
    try files.put("short")
    try files.remove("short")
    try files.remove("replaced")
    try files.put("replaced")
    try files.put("folder/file")
    try files.remove("folder")
    try watch.expect(anyOrder: ["+new", "*old", "*replaced"])
  }

  @Test func `A file that is saved by a rename has changed`() throws {
    try files.put("file", "old")
    let watch = try LookFixture(files)
    try files.write("file", "new")
    try files.write("made", "new")
    try watch.expect(["*file", "+made"])
    try files.put("file.tmp", "newer")
    try files.rename("file.tmp", "file")
    try watch.expect(["*file"])
    // As editors do that keep the file before under another name for a while. The inode that becomes free may be given
    // to something else at once.
    try files.rename("file", "file~")
    try files.put("file", "newest")
    try files.remove("file~")
    try files.put("other")
    try watch.expect(anyOrder: ["*file", "+other"])
    try files.rename("file", "file~")
    try files.put("file", "and again")
    try watch.expect(["file>file~", "+file"])
  }

  @Test func `Moves are told as moves, and what is moved is watched where it is`() throws {
    for path in ["file", "a/b/c", "d/x"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.rename("file", "d/renamed")
    try watch.expect(["file>d/renamed"])
    try files.rename("a", "d/a")
    try watch.expect(["a>d/a/"])
    try files.put("d/a/b/new")
    try files.rename("d/a/b", "e")
    try files.put("e/c", "changed")
    try watch.expect(["d/a/b>e/", "+e/new", "*e/c"])
    // Several at once, some of them inside others.
    try files.rename("e", "f")
    try files.rename("f/c", "f/moved")
    try files.rename("d", "f/d")
    try files.rename("f/d/renamed", "renamed")
    try watch.expect(anyOrder: ["e>f/", "f/c>f/moved", "d>f/d/", "d/renamed>renamed"])
    #expect(try watch.picture == files.paths())
  }

  @Test func `What is moved into a new folder is told as moved`() throws {
    for path in ["file", "a/b"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.folder("new/deep")
    try files.rename("file", "new/file")
    try files.rename("a", "new/deep/a")
    try watch.expect(["+new/", "+new/deep/", "file>new/file", "a>new/deep/a/"])
    try files.put("new/deep/a/c")
    try watch.expect(["+new/deep/a/c"])
  }

  @Test func `What is moved out is deleted, and what is moved in is made`() throws {
    let outside = try FilesFixture()
    try outside.put("in/a/b")
    for path in ["out/a/b", "file"] { try files.put(path) }
    let watch = try LookFixture(files)
    #expect(rename(files.path + "/out", outside.path + "/out") == 0)
    #expect(rename(files.path + "/file", outside.path + "/file") == 0)
    #expect(rename(outside.path + "/in", files.path + "/in") == 0)
    try watch.expect(anyOrder: ["-out/a/b", "-out/a/", "-out/", "-file", "+in/", "+in/a/", "+in/a/b"])
    try outside.put("out/a/b", "changed")
    try outside.put("out/new")
    try files.put("in/a/b", "changed")
    try watch.expect(["*in/a/b"])
    #expect(watch.table.count == 3)
  }

  @Test func `A file that is moved over another replaces it`() throws {
    for path in ["one", "two"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.rename("one", "two")
    try watch.expect(["-two", "one>two"])
  }

  @Test func `Entries that are exchanged are both there afterwards, and watched`() throws {
    for path in ["a/one", "b/two", "c", "d"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.rename("a", "b", .exchange)
    try watch.expect(["-b/two", "-b/", "+b/", "+b/one", "-a/one", "-a/", "+a/", "+a/two"])
    try files.rename("c", "d", .exchange)
    try watch.expect(anyOrder: ["*c", "*d"])
    try files.put("a/new")
    try files.put("b/new")
    try watch.expect(["+a/new", "+b/new"])
  }

  @Test func `A folder that is exchanged for a hidden one is told anew`() throws {
    for path in ["a/one", "a/both", ".berth-staged/two", ".berth-staged/both"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.rename(".berth-staged", "a", .exchange)
    try watch.expect(anyOrder: ["-a/one", "-a/both", "-a/", "+a/", "+a/both", "+a/two"])
    try files.put("a/three")
    try watch.expect(["+a/three"])
  }

  @Test func `Rules and globs leave out, and what they name is not watched`() throws {
    try files.put(".gitignore", "build/\n*.log\n")
    for path in ["build/a", ".git/index", "node_modules/m/i.js", "a.log", "a.txt"] { try files.put(path) }
    let watch = try LookFixture(files, exclude: ["node_modules", "*.tmp"])
    #expect(watch.table.count == 1)
    for path in ["build/b", "b.log", ".git/HEAD", "node_modules/m/j.js", "a.tmp", ".berth-own"] { try files.put(path) }
    try files.rename("a.log", "b.txt")
    try files.rename("a.txt", "c.log")
    try watch.expect(anyOrder: ["+b.txt", "-a.txt"])
    let all = try LookFixture(files, gitignore: false)
    for path in ["d.log", "build/c"] { try files.put(path) }
    try all.expect(anyOrder: ["+d.log", "+build/c"])
  }

  @Test func `Only what the globs name is told, wherever it is moved`() throws {
    try files.put("src/a.swift")
    try files.put("src/a.c")
    try files.folder("doc")
    let watch = try LookFixture(files, include: ["src/**/*.swift"])
    for path in ["src/b.swift", "src/b.c", "doc/a.swift", "src/deep/er/b.swift", "a.swift"] { try files.put(path) }
    try files.rename("src/a.c", "src/c.swift")
    try watch.expect(anyOrder: ["+src/b.swift", "+src/deep/er/b.swift", "+src/c.swift"])
    try files.rename("src/deep", "deep")
    try watch.expect(["-src/deep/er/b.swift"])
    try files.rename("deep", "src/again")
    try watch.expect(["+src/again/er/b.swift"])
    try files.remove("src")
    try watch.expect(anyOrder: ["-src/a.swift", "-src/b.swift", "-src/c.swift", "-src/again/er/b.swift"])
  }

  @Test func `A .gitignore that changes counts from then on`() throws {
    try files.put(".gitignore", "build/\n")
    try files.put("build/a")
    let watch = try LookFixture(files)
    try files.put(".gitignore", "*.log\n")
    try watch.expect(anyOrder: ["+build/", "+build/a", "*.gitignore"])
    try files.put("build/b")
    try files.put("a.log")
    try watch.expect(["+build/b"])
    try files.put("build/.gitignore", "b\n")
    try watch.expect(["+build/.gitignore"])
    try files.put("build/b", "changed")
    try files.put("build/c")
    try watch.expect(["+build/c"])
    try files.remove("build/.gitignore")
    try watch.expect(["-build/.gitignore", "+build/b"])
  }

  @Test func `What was missed when events are lost is found`() throws {
    for path in ["gone/file", "kept/file"] { try files.put(path) }
    let watch = try LookFixture(files)
    try files.put("new/deep/file")
    try files.remove("gone")
    try watch.loseEvents()
    try watch.expect(["-gone/file", "-gone/", "+new/", "+new/deep/", "+new/deep/file"])
    #expect(watch.table.count == 4)
    try files.put("new/deep/file", "changed")
    try files.put("new/deep/other")
    try files.put("gone")
    try watch.expect(anyOrder: ["*new/deep/file", "+new/deep/other", "+gone"])
  }

  @Test(.enabled(if: getuid() != 0, "root may read anything"))
  func `A folder that is opened to the user is watched from then on`() throws {
    try files.put("closed/file")
    #expect(chmod(files.path + "/closed", 0) == 0)
    let watch = try LookFixture(files)
    #expect(chmod(files.path + "/closed", 0o700) == 0)
    try watch.expect(["*closed/", "+closed/file"])
  }

  @Test("The picture is what is there, whatever happened between two looks", arguments: 1...10, [1, 3, 10, 60])
  func chance(_ seed: UInt64, _ steps: Int) throws {
    var chance = Chance(state: seed)
    for _ in 0..<30 { chance.disturb(files) }
    let watch = try LookFixture(files)
    var model = watch.picture
    for _ in 0..<30 {
      for _ in 0..<steps { chance.disturb(files) }
      for change in try watch.look() { Self.apply(change, to: &model) }
      let there = try files.paths()
      try #require(watch.picture == there && model == there && !watch.watch.hasNotes)
      let folders = there.count { $0.hasSuffix("/") }
      #expect(watch.table.count == folders + 1)
    }
  }

  /// Carries out what is told, as who follows does. Nothing is told that cannot be carried out.
  private static func apply(_ change: String, to paths: inout Set<String>) {
    switch change.first {
    case "+": #expect(paths.insert(String(change.dropFirst())).inserted, "\(change)")
    case "-":
      let path = String(change.dropFirst())
      #expect(paths.remove(path) != nil, "\(change)")
      #expect(!path.hasSuffix("/") || !paths.contains { $0.hasPrefix(path) }, "\(change)")
    case "*": #expect(paths.contains(String(change.dropFirst())), "\(change)")
    default:
      let ends = change.split(separator: ">").map(String.init)
      let origin = ends[0] + (change.hasSuffix("/") ? "/" : "")
      #expect(!paths.contains(ends[1]) && paths.contains(origin), "\(change)")
      let moved = origin.hasSuffix("/") ? paths.filter { $0.hasPrefix(origin) } : [origin]
      paths.subtract(moved)
      for path in moved { paths.insert(ends[1] + path.dropFirst(origin.utf8.count)) }
    }
  }
}
