import JSON
import Testing

@testable import Workspaces

struct GlobTests {
  private func matches(_ pattern: String, _ path: String, isFolder: Bool = false) -> Bool? {
    Glob(pattern.utf8).map { $0.matches(Array(path.utf8).split(separator: 0x2F)[...], isFolder: isFolder) }
  }

  @Test(
    "A glob matches",
    arguments: [
      ("*.md", "a/b.md"), ("a/*/c", "a/b/c"), ("**/c", "c"), ("**/c", "a/b/c"), ("a/**", "a/b/c"), ("a/**/c", "a/c"),
      ("a/**/c", "a/x/y/c"), ("**/a/**/b/**", "x/a/b/c"), ("?", "é"), ("[é-ü]", "ö"), ("[!a]", "b"), ("[]a]", "]"),
      ("[a-]", "-"), ("[[:digit:]]x", "7x"), ("\\*", "*"), ("a**b", "axyb"), ("*a*b*c*", "xaxbxcx"), ("/a", "a"),
      ("**", "a/b"), ("a/**/**/b", "a/b"), ("[[:alpha:][:digit:]]", "z"), ("a/**/b/*/c", "a/b/b/x/c"),
    ])
  func matching(_ pattern: String, _ path: String) {
    #expect(matches(pattern, path) == true)
  }

  @Test(
    "A glob does not match",
    arguments: [
      ("*.md", "b.mdx"), ("a/*/c", "a/b/b/c"), ("a/*", "b/a/c"), ("a/**", "a"), ("/a", "b/a"), ("[a-c]", "d"),
      ("[!a]", "a"), ("?", "ab"), ("a*", "ba"), ("a/**/c", "a/b"), ("a*c", "a/c"), ("a?c", "a/c"),
      ("**/b/c", "b/x/c"), ("\\*", "a"),
    ])
  func notMatching(_ pattern: String, _ path: String) {
    #expect(matches(pattern, path) == false)
  }

  @Test("A glob that is cut off is none", arguments: ["", "/", "[a", "a\\", "[[:nothing:]]", "a[/]c"])
  func broken(_ pattern: String) {
    #expect(Glob(pattern.utf8) == nil)
  }

  @Test func `A slash at the end is for folders`() {
    #expect(matches("a/", "a", isFolder: true) == true)
    #expect(matches("a/", "a") == false)
  }

  @Test(
    "Folders that cannot hold a match are told",
    arguments: [
      ("src/*.c", "src", true), ("src/*.c", "doc", false), ("src/*.c", "src/a", false), ("**/x", "any/where", true),
      ("a/**/x", "a/b", true), ("a/**/x", "b", false), ("*.c", "any/where", true), ("a/*/c", "a/b", true),
    ])
  func couldMatch(_ pattern: String, _ folder: String, _ expected: Bool) throws {
    let glob = try #require(Glob(pattern.utf8))
    #expect(glob.couldMatch(below: Array(folder.utf8).split(separator: 0x2F)[...]) == expected)
  }

  @Test func `Many stars take no time`() {
    let pattern = String(repeating: "*a", count: 100) + "b"
    #expect(matches(pattern, String(repeating: "a", count: 10_000)) == false)
    let folders = String(repeating: "**/a/", count: 100) + "b"
    #expect(matches(folders, String(repeating: "a/", count: 2_000) + "c") == false)
  }

  @Test(
    "Alternatives are written out",
    arguments: [
      ("a", ["a"]), ("{a,b}", ["a", "b"]), ("x{a,b}y{c,d}", ["xayc", "xayd", "xbyc", "xbyd"]),
      ("{a,{b,c}}", ["a", "b", "c"]), ("{a}", ["{a}"]), ("{a,b", ["{a,b"]), ("{,a}x", ["x", "ax"]),
      ("\\{a,b\\}", ["\\{a,b\\}"]), ("{a{b,c}", ["{ab", "{ac"]),
    ])
  func alternatives(_ pattern: String, _ expected: [String]) {
    let written = GlobSet.alternatives(of: Array(pattern.utf8))?.map { String(decoding: $0, as: UTF8.self) }
    #expect(written.map(Set.init) == Set(expected))
  }
}

struct Base64Tests {
  @Test func `Bytes come back as they were`() {
    for count in 0..<70 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
      let text = Base64.encode(bytes)
      #expect(text.utf8.count == Base64.encodedLength(count))
      #expect(Base64.decode(text) == bytes)
    }
    #expect(Base64.encode(Array("foobar".utf8)) == "Zm9vYmFy")
    #expect(Base64.encode(Array("foob".utf8)) == "Zm9vYg==")
  }

  @Test("What is not base64 is refused", arguments: ["Zg", "Zg=", "Zh==", "Zm9=", "=g==", "Zg==Zg==", "Zm9 v", "Zm-_"])
  func refuses(_ text: String) {
    #expect(Base64.decode(text) == nil)
  }
}
