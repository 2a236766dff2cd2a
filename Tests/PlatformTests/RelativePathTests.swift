import Platform
import Testing

struct RelativePathTests {
  @Test(
    "A path is brought to one form",
    arguments: [
      ("a", "a"), ("a/b", "a/b"), ("./a", "a"), ("a//b/", "a/b"), ("a/./b/.", "a/b"), ("a/../b", "b"),
      (".", ""), ("", ""), ("a/..", ""), ("a/b/../../c", "c"), ("...", "..."), ("..a/.b", "..a/.b"),
    ])
  func normalises(_ text: String, _ form: String) throws {
    #expect(try RelativePath(text).string == form)
  }

  @Test("A path that leads out is refused", arguments: ["..", "../a", "a/../..", "a/../../b", "./.."])
  func escapes(_ text: String) {
    #expect(throws: RelativePath.Fault.escapes) { try RelativePath(text) }
  }

  @Test func `An absolute path and one with a NUL are refused`() {
    #expect(throws: RelativePath.Fault.absolute) { try RelativePath("/etc") }
    #expect(throws: RelativePath.Fault.containsNul) { try RelativePath("a\0b") }
  }

  @Test func `The order is that of a walk through the tree`() throws {
    let paths = try ["a", "a/b", "a/b/c", "a/c", "a-b", "a.b", "ab", "b"].map { try RelativePath($0) }
    #expect(paths.shuffled().sorted() == paths)
  }

  @Test func `A path is taken apart and put together`() throws {
    let path = try RelativePath("a/b/c")
    #expect(path.parent.string == "a/b")
    #expect(Array(path.name) == Array("c".utf8))
    #expect(path.depth == 3)
    #expect(path.parent.appending(path.name) == path)
    #expect(try RelativePath("a").contains(path))
    #expect(try !RelativePath("a/b/cc").contains(path))
    #expect(try !RelativePath("a/b/c").contains(RelativePath("a/b/cc")))
    #expect(path.relative(to: try RelativePath("a")).string == "b/c")
    #expect(RelativePath.root.contains(path) && path.relative(to: .root) == path)
  }

  @Test func `Bytes that are not UTF-8 are kept`() throws {
    let path = try RelativePath(bytes: [0x61, 0xFF, 0x2F, 0x62])
    #expect(!path.isValidUTF8)
    #expect(path.bytes == [0x61, 0xFF, 0x2F, 0x62])
    #expect(path.string == "a\u{FFFD}/b")
  }

  @Test("What is no name makes none", arguments: ["", ".", "..", "a/b", "a\0"])
  func names(_ text: String) {
    #expect(FileName(text) == nil)
  }
}
