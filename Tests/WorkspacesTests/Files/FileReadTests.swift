import BerthProtocol
import JSON
import Glibc
import Platform
import Testing

@testable import Workspaces

struct FileReadTests {
  let files: FilesFixture

  init() throws { files = try FilesFixture() }

  @Test func `A file is read with its size and ETag`() throws {
    try files.put("a/file", "Grüße\n")
    let content = try files.read("a/./file")
    #expect(content.path == "a/file")
    #expect(content.content == "Grüße\n" && content.encoding == .utf8)
    #expect(content.offset == 0 && content.length == 8 && content.size == 8 && content.eof)
    #expect(content.etag == (try files.stat("a/file").etag))
  }

  @Test func `What is not UTF-8 comes as base64, or is refused`() throws {
    try files.put("binary", [0xFF, 0x00, 0x80])
    let content = try files.read("binary")
    #expect(content.content == "/wCA" && content.encoding == .base64 && content.length == 3 && content.eof)
    #expect(errorType { try files.read("binary", encoding: .utf8) } == .notText)
    try files.put("cut", [0x61, 0xE2, 0x82])
    #expect(try files.read("cut").encoding == .base64)
    #expect(try files.read("text", encoding: .base64, put: "hi").content == "aGk=")
  }

  @Test func `A range of text is cut back to whole characters`() throws {
    try files.put("text", "a€b€")
    let first = try files.read("text", length: 3)
    #expect(first.content == "a" && first.length == 1 && !first.eof)
    let second = try files.read("text", offset: 1, length: 4)
    #expect(second.content == "€b" && second.length == 4 && second.offset == 1)
    let inside = try files.read("text", offset: 2, length: 100, encoding: .utf8)
    #expect(inside.content == "b€" && inside.offset == 4 && inside.length == 4 && inside.eof)
  }

  @Test func `A range that holds no whole character still gets on`() throws {
    try files.put("text", "€uro")
    let bytes = try files.read("text", length: 2)
    #expect(bytes.encoding == .base64 && bytes.length == 2 && bytes.content == "4oI=")
    let rest = try files.read("text", offset: 2)
    #expect(rest.encoding == .base64 && rest.offset == 2 && rest.length == 4)
    let text = try files.read("text", length: 1, encoding: .utf8)
    #expect(text.content == "€" && text.length == 3)
    let within = try files.read("text", offset: 1, length: 1, encoding: .utf8)
    #expect(within.content == "€" && within.offset == 0 && within.length == 3)
  }

  @Test("Pages of any length add up to the text", arguments: 1...9)
  func pages(_ length: Int) throws {
    let text = "Aé€😀\u{0}zZ€€😀é"
    try files.put("text", text)
    for encoding in [ReadEncoding.auto, .utf8] {
      var bytes: [UInt8] = []
      while true {
        let page = try files.read("text", offset: bytes.count, length: length, encoding: encoding)
        #expect(page.offset == bytes.count && page.length > 0)
        bytes += page.encoding == .utf8 ? Array(page.content.utf8) : try #require(Base64.decode(page.content))
        if page.eof || page.length == 0 { break }
      }
      #expect(bytes == Array(text.utf8))
    }
  }

  @Test("Every range of text is UTF-8 as far as it can be", arguments: 0...15)
  func ranges(_ offset: Int) throws {
    let text = "Aé€😀zü"
    let bytes = Array(text.utf8)
    try files.put("text", text)
    for length in 0...(bytes.count + 2) {
      let page = try files.read("text", offset: offset, length: length)
      let got = page.encoding == .utf8 ? Array(page.content.utf8) : try #require(Base64.decode(page.content))
      #expect(got.count == page.length && page.length <= length && page.offset == offset)
      if page.length > 0 { #expect(got == Array(bytes[page.offset..<(page.offset + page.length)])) }
      #expect(page.eof == (page.offset + page.length >= bytes.count))
      if length > 0 && offset < bytes.count { #expect(page.length > 0) }
    }
  }

  @Test func `Reading beyond the end, and nothing at all, is not an error`() throws {
    try files.put("file", "abc")
    let beyond = try files.read("file", offset: 10)
    #expect(beyond.length == 0 && beyond.eof && beyond.offset == 10 && beyond.content.isEmpty)
    let nothing = try files.read("file", length: 0)
    #expect(nothing.length == 0 && !nothing.eof && nothing.size == 3)
    try files.put("empty")
    #expect(try files.read("empty").eof)
  }

  @Test func `What is no file is not read, and never waited for`() throws {
    try files.folder("folder")
    #expect(mkfifo(files.path + "/pipe", 0o600) == 0)
    try files.link("null", to: "/dev/null")
    #expect(errorType { try files.read("folder") } == .isADirectory)
    #expect(errorType { try files.read(".") } == .isADirectory)
    #expect(errorType { try files.read("pipe") } == .notAFile)
    #expect(errorType { try files.read("null") } == .pathEscapes)
    #expect(errorType { try files.read("missing") } == .fileNotFound)
    try files.put("file")
    #expect(errorType { try files.read("file/below") } == .fileNotFound)
    #expect(errorType { try files.read(String(repeating: "n", count: 300)) } == .invalidArgument)
  }

  @Test func `A socket is not a file`() throws {
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: (files.path + "/socket").utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    #expect(errorType { try files.read("socket") } == .notAFile)
    #expect(try files.stat("socket").type == .other)
  }

  @Test func `What would not fit into a message is refused with the way out`() throws {
    files.maximumContentBytes = 100_000
    try files.put("large", String(repeating: "x", count: 90_000))
    #expect(errorType { try files.read("large") } == .resultTooLarge)
    #expect(try files.read("large", length: 60_000).length == 60_000)
    #expect(errorType { try files.read("large", length: 60_000, encoding: .base64) } == .resultTooLarge)
    try files.put("control", [UInt8](repeating: 1, count: 20_000))
    #expect(errorType { try files.read("control") } == .resultTooLarge)
    #expect(try files.read("control", encoding: .base64).length == 20_000)
  }

  @Test func `A status tells links, folders and names that are not text`() throws {
    try files.put("file", "abc")
    try files.link("link", to: "../somewhere")
    let link = try files.stat("link")
    #expect(link.type == .symlink && link.target == "../somewhere")
    let file = try files.stat("file")
    #expect(file.type == .file && file.size == 3 && file.target == nil && file.pathBytes == nil)
    #expect(Timestamp.nanoseconds(from: file.modifiedAt) != nil)
    let own = try files.stat(".")
    #expect(own.path == "." && own.type == .directory)
    #expect(errorType { try files.stat("../x") } == .pathEscapes)
    #expect(errorType { try files.stat("/etc") } == .pathEscapes)
    #expect(errorType { try files.stat("a\0b") } == .invalidArgument)
  }

  @Test func `The ETag changes with whatever changes the file`() throws {
    try files.put("file", "abc")
    var seen = [try files.stat("file").etag]
    try files.put("file", "abcd")
    seen.append(try files.stat("file").etag)
    #expect(chmod(files.path + "/file", 0o600) == 0)
    seen.append(try files.stat("file").etag)
    try files.write("file", "abcd")
    seen.append(try files.stat("file").etag)
    #expect(try files.stat("file").etag == seen.last)
    #expect(Set(seen).count == 4)
    for etag in seen { #expect(etag.utf8.count == 26) }
  }
}

extension FilesFixture {
  fileprivate func read(_ path: String, encoding: ReadEncoding, put content: String) throws -> FileContent {
    try put(path, content)
    return try read(path, encoding: encoding)
  }
}
