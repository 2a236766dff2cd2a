import Glibc
import Platform
import Testing

@testable import Workspaces

/// Compared with git itself, on a real repository.
struct GitIgnoreTests {
  let files: FilesFixture

  init() throws { files = try FilesFixture() }

  /// What git prints.
  private func git(_ arguments: String...) throws -> String {
    let output = files.path + ".output"
    defer { unlink(output) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let words =
      ["git", "-c", "core.excludesFile=/dev/null", "-c", "core.quotePath=false", "-C", files.path] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var child = pid_t()
    try #require(posix_spawnp(&child, "git", &actions, nil, &pointers, environ) == 0)
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    let place = try Directory(path: "/tmp").place(of: RelativePath(String(output.dropFirst("/tmp/".count))))
    let file = try place.directory.open(place.name, .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The files that git would add, and those that a walk tells.
  private func compare(_ comment: Comment? = nil) throws {
    let expected = try git("ls-files", "--others", "--exclude-standard", "-z").split(separator: "\0").map(String.init)
    var walker = TreeWalker(root: files.directory)
    walker.gitignore = true
    var found: [String] = []
    try walker.walk {
      if $0.kind != .directory { found.append($0.path.string) }
      return true
    }
    #expect(found.sorted() == expected.sorted(), comment)
  }

  private static let paths = [
    "a", "b.o", "build/x", "build/keep/y", "src/a.c", "src/a.o", "src/build/z", "src/deep/er/a.log", "docs/a.txt",
    "docs/b.md", "docs/sub/c.txt", "foo/bar", "x/foo/bar/baz", "#hash", "!bang", "space ", "sp ace", "star*", "[set]",
    "a[b]c", "tmp1", "tmp2", "tmpA", "dir.d/file", "dir.d/sub/file", "UPPER.TXT", "ünicode/dätei", "back\\slash",
    "logs/debug.log", "logs/important.log", "x/logs/debug.log", "node_modules/m/i.js", "pkg/node_modules/m.js",
    "one/two/three/four", "one/two.txt", "trailing/", "-dash", "two  spaces", "a.b.c", "very/very/deep/file.tmp",
  ]

  private static let files: [[(String, String)]] = [
    [(".gitignore", "*.o\nbuild/\n!src/build/\n")],
    [(".gitignore", "/build\ndocs/*.txt\n**/foo/bar\n")],
    [(".gitignore", "docs/**\n!docs/b.md\n")],
    [(".gitignore", "docs/**\n!docs/**/\n!docs/**/*.txt\n")],
    [(".gitignore", "/*\n!/src\n/src/*\n!/src/a.c\n")],
    [(".gitignore", "\\#hash\n\\!bang\nspace\\ \nsp ace   \nstar\\*\n")],
    [(".gitignore", "# comment\n\n   \n[[]set]\na\\[b\\]c\ntmp[0-9]\n")],
    [(".gitignore", "tmp[!0-9]\n*.d\nUPPER.*\nü*\nback\\\\slash\n")],
    [(".gitignore", "logs/*\n!logs/important.log\n"), ("x/.gitignore", "!debug.log\nfoo\n")],
    [(".gitignore", "*.log\n"), ("src/deep/.gitignore", "!*.log\n"), ("src/.gitignore", "er\n")],
    [(".gitignore", "\u{FEFF}*.o\r\nbuild\r\n/a\r\n")],
    [(".gitignore", "one/**/four\nx/**\n!x/logs\n")],
    [(".gitignore", "one/*/three\n**/node_modules/**\n")],
    [(".gitignore", "node_modules\n**\n!*/\n!*.c\n")],
    [(".gitignore", "foo/**/baz\nvery/**/*.tmp\n*/two.txt\n")],
    [(".gitignore", "src\n!src/a.c\n"), ("src/.gitignore", "!a.c\n")],
    [(".gitignore", "/\n//\n!\n[\nabc\\\n*.o\n")],
    [(".gitignore", "tmp[[:digit:]]\ntmp[[:upper:]]\n")],
    [(".gitignore", "a*\n!a.b.c\n-*\ntwo  spaces\n")],
    [(".gitignore", "**/*.txt\n!/docs/**\n")],
    [(".gitignore", "dir.d/\n!dir.d/sub/\n*/deep\n")],
    [(".gitignore", "doc?\nd?cs/a*\n???ing/\n[^a-t]mp1\n")],
    [(".git/info/exclude", "*.o\n/docs/\n"), (".gitignore", "!docs\n!src/a.o\n")],
    [("docs/.gitignore", "*\n!.gitignore\n!/sub\n"), ("docs/sub/.gitignore", "!c.txt\n")],
  ]

  @Test("Rules mean what they mean to git", arguments: files.indices)
  func rules(_ index: Int) throws {
    _ = try git("init", "-q")
    for path in Self.paths { path.hasSuffix("/") ? try files.folder(path) : try files.put(path, path) }
    for (path, content) in Self.files[index] { try files.put(path, content) }
    try compare("\(Self.files[index])")
  }

  @Test func `Rules made by chance mean what they mean to git`() throws {
    _ = try git("init", "-q")
    let names = ["a", "b", "ab", "abc", "a.c", "b.c"]
    for one in names {
      for two in names.prefix(4) { for three in names.prefix(3) { try files.put("\(one)x/\(two)y/\(three)") } }
      try files.put(one)
    }
    var random = SplitMix(state: 20_261_120)
    let pieces = ["a", "b", "*", "?", "**", "/", "/", "x", "y", "[ab]", "[!a]", ".c", "!", "\\b"]
    for round in 0..<60 {
      var text = ""
      for _ in 0..<Int.random(in: 1...5, using: &random) {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          text += pieces.randomElement(using: &random) ?? ""
        }
        text += "\n"
      }
      try files.put(".gitignore", text)
      try files.put("ax/.gitignore", round.isMultiple(of: 3) ? "!a\nb*\n" : "")
      try compare("\(text)")
    }
  }

  @Test func `A repository inside another has its own rules`() throws {
    try files.put(".gitignore", "*.log\n")
    try files.put("inner/.git/info/exclude", "*.tmp\n")
    try files.put("inner/a.log")
    try files.put("inner/b.tmp")
    try files.put("outer/a.log")
    var walker = TreeWalker(root: files.directory)
    walker.gitignore = true
    var found: [String] = []
    try walker.walk {
      found.append($0.path.string)
      return true
    }
    #expect(found == [".gitignore", "inner", "inner/a.log", "outer"])
  }

  @Test func `A rules file that is a link or no file says nothing`() throws {
    try files.put("rules", "*\n")
    try files.link(".gitignore", to: "rules")
    try files.folder("a/.gitignore")
    try files.put("a/b")
    var walker = TreeWalker(root: files.directory)
    walker.gitignore = true
    var count = 0
    try walker.walk { _ in
      count += 1
      return true
    }
    #expect(count == 5)
  }
}

/// A generator that gives the same numbers each time.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
