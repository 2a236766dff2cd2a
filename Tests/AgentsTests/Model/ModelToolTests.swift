import BerthProtocol
import JSON
import Platform
import Testing

@testable import Agents

@Suite(.timeLimit(.minutes(2))) struct ModelToolTests {
  private let home: ModelHome
  private let tools: FileTools

  init() throws {
    home = try ModelHome()
    tools = FileTools(files: home.services.files, workspace: home.workspace.id, root: home.workspace.path)
  }

  @Test func `all that is wrong with arguments is told at once`() throws {
    #expect {
      _ = try ToolUse(.editFile, "{\"path\": 7, \"oldText\": \"a\", \"all\": true}")
    } throws: { error in
      let message = (error as? ToolFault)?.message ?? ""
      return ["`path` is", "`newText` is missing", "`all` is unknown"].allSatisfy { message.contains($0) }
        && !message.contains("`path` is missing")
    }
    for text in ["{", "[]", "7", "{\"path\":\"\"}", "{\"path\":\"a\\u0000\"}", "{\"path\":\"a\",\"firstLine\":0}", ""] {
      #expect(throws: ToolFault.self, "\(text)") { _ = try ToolUse(.readFile, text) }
    }
    let list = try ToolUse(.listFiles, "")
    #expect(list == .list(path: ".", depth: 1, pattern: nil))
    let read = try ToolUse(.readFile, "{\"path\":\"a\",\"firstLine\":\"3\",\"lastLine\":null}")
    #expect(read == .read(path: "a", firstLine: 3, lastLine: nil))
  }

  @Test func `every tool has a schema that names its arguments`() throws {
    for tool in ModelTool.allCases {
      let function = try #require(tool.definition["function"]?.objectValue)
      #expect(function["name"] == .string(tool.rawValue))
      let properties = try #require(function["parameters"]?["properties"]?.objectValue)
      for name in function["parameters"]?["required"]?.arrayValue ?? [] {
        #expect(properties[name.stringValue ?? ""] != nil)
      }
    }
  }

  @Test func `files are read by lines`() throws {
    try home.put("a.txt", "1\n2\n\n4\n5")
    #expect(try tools.read("a.txt", firstLine: 1, lastLine: nil).text == "1\n2\n\n4\n5")
    #expect(try tools.read("a.txt", firstLine: 2, lastLine: 3).text.hasPrefix("2\n"))
    #expect(try tools.read("a.txt", firstLine: 4, lastLine: 4).text == "4")
    #expect(
      try tools.read("a.txt", firstLine: 5, lastLine: 9).text.contains("[lines 5 to 5 of a.txt; the file ends there]"))
    #expect(try tools.read("a.txt", firstLine: 9, lastLine: nil).text.contains("ends before"))
    #expect(try tools.read("\(tools.root)/a.txt", firstLine: 1, lastLine: 1).text == "1")
    #expect(throws: ToolFault.self) { try tools.read("a.txt", firstLine: 3, lastLine: 2) }
    try home.put("empty", "")
    #expect(try tools.read("empty", firstLine: 1, lastLine: nil).text == "[the file is empty]")
    try home.put("binary", "a\u{0}b")
    for path in ["../x", "/etc/passwd", "none", "."] {
      #expect(throws: ProtocolError.self, "\(path)") { try tools.read(path, firstLine: 1, lastLine: nil) }
    }
  }

  @Test func `long files are read in parts`() throws {
    let lines = (1...300_000).map { "line \($0) äöü" }
    try home.put("long.txt", lines.joined(separator: "\n") + "\n")
    let first = try tools.read("long.txt", firstLine: 1, lastLine: nil).text
    #expect(first.hasPrefix("line 1 äöü\n") && first.hasSuffix("[lines 1 to 2000 of long.txt; read on from line 2001]"))
    #expect(
      try tools.read("long.txt", firstLine: 250_000, lastLine: 250_001).text == "line 250000 äöü\nline 250001 äöü")
    let last = try tools.read("long.txt", firstLine: 299_999, lastLine: nil).text
    #expect(last.hasPrefix("line 299999 äöü\nline 300000 äöü\n[lines 299999 to 300000") && last.contains("ends there"))
    try home.put("wide.txt", String(repeating: "ü", count: 500_000))
    #expect(try tools.read("wide.txt", firstLine: 1, lastLine: nil).text.contains("the last one is cut"))
  }

  @Test func `a piece of text is replaced where it is there once`() throws {
    try home.put("a.swift", "let a = 1\r\nlet b = 1\r\n")
    for (old, words) in [("= 2", "is not in"), ("= 1", "is 2 times")] {
      #expect {
        _ = try tools.prepareEdit("a.swift", oldText: old, newText: "x", replaceAll: false)
      } throws: {
        ($0 as? ToolFault)?.message.contains(words) == true
      }
    }
    let change = try tools.prepareEdit("a.swift", oldText: "a = 1\r", newText: "a = 2\r", replaceAll: false)
    #expect(change.diff.oldText == "let a = 1\r\nlet b = 1\r\n" && change.diff.path == tools.root + "/a.swift")
    #expect(try tools.make(change).written?.created == false)
    #expect(try home.text("a.swift") == "let a = 2\r\nlet b = 1\r\n")
    let all = try tools.prepareEdit("a.swift", oldText: "let", newText: "var", replaceAll: true)
    #expect(try tools.make(all).text == "Edited a.swift in 2 places.")
    #expect(try home.text("a.swift") == "var a = 2\r\nvar b = 1\r\n")
  }

  @Test func `what was changed by somebody else meanwhile is not overwritten`() throws {
    try home.put("a", "one")
    let edit = try tools.prepareEdit("a", oldText: "one", newText: "two", replaceAll: false)
    let write = try tools.prepareWrite("new", content: "mine")
    try home.put("a", "other")
    try home.put("new", "theirs")
    #expect(throws: ToolFault.self) { try tools.make(edit) }
    #expect(throws: ToolFault.self) { try tools.make(write) }
    #expect(try home.text("a") == "other" && home.text("new") == "theirs")
  }

  @Test func `a file that is large or no text is replaced all the same`() throws {
    try home.put("large", String(repeating: "ü", count: 100_000))
    let change = try tools.prepareWrite("large", content: "small")
    #expect(change.diff.oldText?.hasSuffix("more bytes]") == true)
    _ = try tools.make(change)
    #expect(try home.text("large") == "small")
  }

  @Test func `files are listed without what git ignores`() throws {
    for path in ["a.txt", "src/b.swift", "src/deep/c.swift", "build/x", ".gitignore"] { try home.put(path, "build\n") }
    let all = try tools.list(".", depth: 9, pattern: nil).text
    #expect(all.contains("src/deep/c.swift (6 bytes)") && all.contains("src/\n") && !all.contains("build/"))
    #expect(try tools.list("src", depth: 1, pattern: "*.swift").text == "src/b.swift (6 bytes)")
    #expect(try tools.list("src", depth: 1, pattern: "*.py").text == "[nothing there]")
  }

  @Test func `files are searched for texts and expressions`() throws {
    try home.put("a.txt", "one\nTwo (2)\nthree\n")
    try home.put("src/b.txt", "two\r\nfour two two\n")
    try home.put("bin", "two\u{0}two")
    try home.put("ignored/c.txt", "two")
    try home.put(".gitignore", "ignored")
    let search = SearchTool(tools: tools)
    #expect(try search.search(.init(text: "two")).text == "src/b.txt:1: two\nsrc/b.txt:2: four two two")
    #expect(try search.search(.init(text: "TWO (", ignoresCase: true)).text == "a.txt:2: Two (2)")
    #expect(try search.search(.init(text: "^t.*e$", isRegex: true)).text == "a.txt:3: three")
    #expect(try search.search(.init(text: "two", path: "a.txt")).text.contains("no line matches in 1 files"))
    #expect(try search.search(.init(text: "two", pattern: "*.md")).text.contains("no line matches"))
    #expect(throws: ToolFault.self) { try search.search(.init(text: "(", isRegex: true)) }
    #expect(throws: ProtocolError.self) { try search.search(.init(text: "x", path: "../..")) }
  }

  @Test func `a search ends in time, however it is made, and tells so much at most`() throws {
    try home.put("evil", String(repeating: "a", count: 60) + "!")
    var search = SearchTool(tools: tools)
    search.maximumSeconds = 0.3
    let began = Timestamp.monotonicNanoseconds()
    let result = try search.search(.init(text: "^(a+)+$", isRegex: true)).text
    #expect(result.contains("ended after"), "\(result)")
    #expect(Timestamp.monotonicNanoseconds() - began < 20_000_000_000)
    try home.put("many", String(repeating: "x\n", count: 5000))
    let many = try SearchTool(tools: tools).search(.init(text: "x", path: "many")).text
    #expect(many.contains("there are more") && many.split(separator: "\n").count == 201)
  }

  @Test func `what is long keeps its beginning and its end, cut at characters`() {
    for cut in 0..<8 {
      var excerpt = ByteExcerpt(headBytes: 16 + cut, tailBytes: 16)
      for _ in 0..<100 { excerpt.add(Array("aä€😀".utf8)) }
      let text = excerpt.text
      #expect(!text.contains("\u{FFFD}") && text.contains("bytes are left out"), "\(text)")
      #expect(text.hasPrefix("aä€😀") && text.hasSuffix("aä€😀"))
    }
    var whole = ByteExcerpt(headBytes: 3, tailBytes: 100)
    whole.add(Array("ab😀cd".utf8))
    #expect(whole.text == "ab😀cd")
  }
}
