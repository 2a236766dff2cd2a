import BerthProtocol
import Glibc
import Platform
import Testing

@testable import Workspaces

struct FileListTests {
  let files: FilesFixture

  init() throws { files = try FilesFixture() }

  private func page(
    _ path: String? = nil, depth: Int = 1000, include: [String]? = nil, exclude: [String]? = nil,
    gitignore: Bool = false, types: [FileType]? = nil, limit: Int = 1000, cursor: String? = nil
  ) throws -> FilePage {
    try files.service.list(
      FileList.Params(
        workspace: "w", path: path, depth: depth, include: include, exclude: exclude, gitignore: gitignore,
        types: types, limit: limit, cursor: cursor))
  }

  private func list(
    _ path: String? = nil, depth: Int = 1000, include: [String]? = nil, exclude: [String]? = nil,
    gitignore: Bool = false, types: [FileType]? = nil
  ) throws -> [String] {
    try page(path, depth: depth, include: include, exclude: exclude, gitignore: gitignore, types: types)
      .entries.map(\.path)
  }

  private func makeTree() throws {
    for path in ["a/x.swift", "a/b/y.swift", "a/b/z.md", "a-b/w.swift", "c.md", "node_modules/m/i.js", ".hidden"] {
      try files.put(path, path)
    }
    try files.link("link", to: "a")
  }

  @Test func `Entries come by path, and no deeper than asked for`() throws {
    try makeTree()
    #expect(try list(depth: 1) == [".hidden", "a", "a-b", "c.md", "link", "node_modules"])
    #expect(
      try list("a") == ["a/b", "a/b/y.swift", "a/b/z.md", "a/x.swift"])
    #expect(try list("a", depth: 1) == ["a/b", "a/x.swift"])
    #expect(try list(depth: 2).contains("a/b") && !list(depth: 2).contains("a/b/z.md"))
    #expect(try list().first == ".hidden" && list().count == 13)
    let link = try #require(try page(types: [.symlink]).entries.first)
    #expect(link.target == "a" && link.type == .symlink)
    #expect(try list("link") == ["link/b", "link/b/y.swift", "link/b/z.md", "link/x.swift"])
  }

  @Test func `Globs and types choose`() throws {
    try makeTree()
    #expect(try list(include: ["*.swift"]) == ["a/b/y.swift", "a/x.swift", "a-b/w.swift"])
    #expect(try list(include: ["a/*.swift"]) == ["a/x.swift"])
    #expect(try list(include: ["a/**"]) == ["a/b", "a/b/y.swift", "a/b/z.md", "a/x.swift"])
    #expect(try list(include: ["**/b/*.{swift,md}"]) == ["a/b/y.swift", "a/b/z.md"])
    #expect(try list(include: ["?.md", "a-b/"]) == ["a/b/z.md", "a-b", "c.md"])
    #expect(try list(exclude: ["node_modules", "a*", ".*"]) == ["c.md", "link"])
    #expect(try list(include: ["*.swift"], exclude: ["b"]) == ["a/x.swift", "a-b/w.swift"])
    #expect(try list(types: [.directory]) == ["a", "a/b", "a-b", "node_modules", "node_modules/m"])
    #expect(errorType { try list(include: ["[a"]) } == .invalidArgument)
    #expect(errorType { try list(include: ["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"]) } == .invalidArgument)
  }

  @Test func `What .gitignore files name is left out`() throws {
    try makeTree()
    try files.put(".git/config")
    try files.put(".gitignore", "node_modules/\n*.md\n!a/b/z.md\n")
    try files.put("a/.gitignore", "/x.swift\n")
    #expect(
      try list(gitignore: true)
        == [
          ".gitignore", ".hidden", "a", "a/.gitignore", "a/b", "a/b/y.swift", "a/b/z.md", "a-b", "a-b/w.swift", "link",
        ])
    #expect(try list("a/b", gitignore: true) == ["a/b/y.swift", "a/b/z.md"])
    #expect(try list(depth: 1).contains(".git"))
  }

  @Test("Pages add up to the whole, whatever their size", arguments: [1, 2, 3, 7, 100])
  func pages(_ limit: Int) throws {
    try makeTree()
    for start in [nil, "a"] {
      var paths: [String] = []
      var cursor: String?
      repeat {
        let page = try page(start, limit: limit, cursor: cursor)
        #expect(page.entries.count == limit || page.nextCursor == nil)
        paths += page.entries.map(\.path)
        cursor = page.nextCursor
      } while cursor != nil
      #expect(try paths == list(start))
    }
  }

  @Test func `Pages stay right when entries come and go`() throws {
    for index in 0..<30 { try files.put("f/\(index / 10)/\(index)") }
    let before = try list()
    var paths: [String] = []
    var cursor: String?
    var round = 0
    repeat {
      let page = try page(limit: 3, cursor: cursor)
      paths += page.entries.map(\.path)
      cursor = page.nextCursor
      round += 1
      // What stood on the border goes, and so does the folder around it; others come before and behind it.
      if let last = page.entries.last { _ = unlink(files.path + "/" + last.path) }
      if round == 4 {
        _ = try files.service.delete(FileDelete.Params(workspace: "w", path: "f/0", recursive: true))
      }
      try files.put("f/00/\(round)")
      try files.put("g/\(round)")
    } while cursor != nil && round < 100
    #expect(Set(paths).count == paths.count)
    #expect(paths.filter { !$0.hasPrefix("g") && !$0.hasPrefix("f/00") } == before)
  }

  @Test func `A cursor of something else is refused`() throws {
    try makeTree()
    let cursor = try #require(try page(limit: 3).nextCursor)
    #expect(errorType { try page("a-b", cursor: cursor) } == .invalidCursor)
    #expect(errorType { try page(cursor: "nonsense") } == .invalidCursor)
    #expect(errorType { try page(cursor: "path:Li4=") } == .invalidCursor)
  }

  @Test func `Large pages end early`() throws {
    files.maximumContentBytes = 20_000
    for index in 0..<100 { try files.put("file-\(index)") }
    let page = try page()
    #expect(page.entries.count < 100 && page.nextCursor != nil)
  }

  @Test func `Names that are not text are told by their bytes`() throws {
    let name = try #require(FileName([0x61, 0xFF]))
    _ = try files.directory.open(name, [.write, .create])
    let entry = try #require(try page().entries.first)
    #expect(entry.path == "a\u{FFFD}" && entry.pathBytes == "Yf8=")
    try files.put("b")
    let cursor = try #require(try page(limit: 1).nextCursor)
    #expect(try page(limit: 1, cursor: cursor).entries.map(\.path) == ["b"])
  }

  @Test func `Berth's own names are not listed`() throws {
    try files.put(".berth-write-1-a-b")
    try files.put(".berth-stage/file")
    try files.put("berth.template.yaml")
    #expect(try list() == ["berth.template.yaml"])
  }

  @Test func `A folder that is none is told`() throws {
    try makeTree()
    #expect(errorType { try list("c.md") } == .notADirectory)
    #expect(errorType { try list("missing") } == .fileNotFound)
    #expect(errorType { try list("..") } == .pathEscapes)
    try files.link("etc", to: "/etc")
    #expect(errorType { try list("etc") } == .pathEscapes)
    #expect(try list(types: [.symlink]) == ["etc", "link"])
  }

  @Test func `A page does not go through the whole tree`() throws {
    for folder in 0..<20 { for file in 0..<5 { try files.put("d\(folder)/\(file)") } }
    var walker = TreeWalker(root: files.directory)
    walker.after = try RelativePath("d18/2")
    var entered: [String] = []
    walker.enters = {
      entered.append($0.path.string)
      return true
    }
    var seen: [String] = []
    try walker.walk {
      seen.append($0.path.string)
      return seen.count < 4
    }
    #expect(seen == ["d18/3", "d18/4", "d19", "d19/0"])
    #expect(entered == ["d18", "d19"])
  }

  @Test func `A tree deeper than the open folders is walked`() throws {
    var path = "d"
    for _ in 0..<80 {
      try files.put(path + "/file")
      path += "/d"
    }
    let paths = try list()
    #expect(paths.count == 161 - 1)
    #expect(try paths == paths.map { try RelativePath($0) }.sorted().map(\.string))
  }
}
