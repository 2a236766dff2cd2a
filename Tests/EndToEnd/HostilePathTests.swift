import JSON
import Platform
import TestSupport
import Testing

/// No path leads out of a workspace, whatever it is made of.
@Suite struct HostilePathTests {
  private let server: TestServer
  private let wire: Wire
  private let folder: TemporaryFolder

  init() throws {
    server = try TestServer()
    folder = server.folder
    wire = try Wire(.socket, .contentLength, home: server.home)
    try wire.initialize()
    try folder.shell(
      """
      mkdir -p ws/real outside/deep; echo secret > outside/passwd; echo secret > outside/deep/passwd
      echo inside > ws/real/passwd; cd ws
      ln -s ../outside out; ln -s "$PWD/../outside" absolute; ln -s ../outside/passwd file; ln -s out/deep chain
      ln -s real/../../outside up; ln -s loop loop; ln -s /proc/self/root root; ln -s real inside
      """)
    let path = folder.path + "/ws"
    _ = try wire.call(#"{"jsonrpc":"2.0","id":0,"method":"workspace/create","params":{"key":"w","path":"\#(path)"}}"#)
  }

  /// All that is outside the workspace and the home, with its content.
  private func outside() throws -> String {
    try folder.shell(
      "find outside -printf '%P %y %m %T@ %l\\n' | sort; find outside -type f | sort | xargs sha256sum; ls")
  }

  /// Every method that takes a path, with `path` as the text of a JSON string.
  private static func calls(_ path: String) -> [String] {
    [
      #""file/read","params":{"workspace":"w","path":\#(path)}"#,
      #""file/write","params":{"workspace":"w","path":\#(path),"content":"x"}"#,
      #""file/write","params":{"workspace":"w","path":\#(path),"content":"x","createParents":true}"#,
      #""file/list","params":{"workspace":"w","path":\#(path),"depth":9}"#,
      #""file/mkdir","params":{"workspace":"w","path":\#(path),"parents":true}"#,
      #""file/copy","params":{"workspace":"w","from":"real","to":\#(path),"recursive":true,"overwrite":true}"#,
      #""file/copy","params":{"workspace":"w","from":\#(path),"to":"real/copy","recursive":true}"#,
      #""file/move","params":{"workspace":"w","from":"real/passwd","to":\#(path),"overwrite":true}"#,
      #""file/move","params":{"workspace":"w","from":\#(path),"to":"real/moved"}"#,
      #""file/stat","params":{"workspace":"w","path":\#(path)}"#,
      #""file/watch","params":{"workspace":"w","path":\#(path)}"#,
      #""file/delete","params":{"workspace":"w","path":\#(path),"recursive":true}"#,
      #""workspace/applyTemplate","params":{"workspace":"w","waitSeconds":20,"replaceExisting":false,"#
        + #""template":{"files":[{"path":\#(path),"content":"x"}]}}"#,
    ]
  }

  /// What is refused, and with which of these types.
  static let hostile: [(path: String, types: Set<JSONValue>)] = [
    (#""..""#, ["path_escapes"]), (#""../outside/passwd""#, ["path_escapes"]),
    (#""real/../../outside/passwd""#, ["path_escapes"]), (#""real/./../../outside""#, ["path_escapes"]),
    (#""out/passwd""#, ["path_escapes"]), (#""out/deep/passwd""#, ["path_escapes"]),
    (#""absolute/passwd""#, ["path_escapes"]), (#""chain/passwd""#, ["path_escapes"]),
    (#""up/passwd""#, ["path_escapes"]), (#""inside/../out/passwd""#, ["path_escapes"]),
    (#""root/etc/passwd""#, ["path_escapes"]), (#""/etc/passwd""#, ["path_escapes", "invalid_argument"]),
    (#""real/passwd\u0000""#, ["invalid_argument"]), (#""\u0000""#, ["invalid_argument"]), (#""""#, ["invalid_params"]),
    (#""loop/passwd""#, ["path_escapes", "invalid_argument"]),
    ("\"\(String(repeating: "d/", count: 3000))\"", ["invalid_params"]),
    ("\"\(String(repeating: "x", count: 300))/y\"", ["invalid_argument", "file_not_found"]),
  ]

  @Test(arguments: hostile.indices) func `a path that leads out or is none is refused by every method`(
    index: Int
  ) throws {
    let (path, types) = Self.hostile[index]
    let before = try outside()
    for call in Self.calls(path) {
      let answer = try #require(try wire.call(#"{"jsonrpc":"2.0","id":1,"method":\#(call)}"#))
      let job = answer["result"]?["job"]
      let type = answer["error"]?["data"]?["type"] ?? job?["error"]?["type"] ?? .null
      // Templates are checked as a whole before anything is put in place.
      let others: Set<JSONValue> = call.contains("applyTemplate") ? ["template_invalid", "already_exists"] : []
      #expect(types.union(others).contains(type), "\(call.prefix(200)): \(type)")
      #expect(!answer.jsonString.contains("secret"))
      #expect(answer["error"]?["code"] != -32603)
    }
    #expect(try outside() == before)
  }

  /// A link that leads out is a thing of the workspace itself: it can be told, moved and deleted, and not followed. Half
  /// a surrogate pair is read as U+FFFD, a character like any other.
  @Test(arguments: ["out", "absolute", "file", "chain", "up", "root", #"\ud800/x"#, #"out\udcff/passwd"#])
  func `what is a name of the workspace leads to nothing outside`(path: String) throws {
    let before = try outside()
    for call in Self.calls("\"\(path)\"") {
      let answer = try #require(try wire.call(#"{"jsonrpc":"2.0","id":1,"method":\#(call)}"#))
      #expect(!answer.jsonString.contains("secret"), "\(call)")
      #expect(answer["error"]?["code"] != -32603, "\(answer)")
    }
    #expect(try outside() == before)
    #expect(try folder.shell("cat ws/real/* 2>/dev/null || true").contains("secret") == false)
  }

  @Test func `bytes that are no UTF-8 are a parse error, and the connection stays in sync`() throws {
    let bytes = Array(#"{"jsonrpc":"2.0","id":1,"method":"file/read","params":{"workspace":"w","path":"a"#.utf8)
    for hostile: [UInt8] in [[0xff], [0xc0, 0xae, 0xc0, 0xae], [0xed, 0xa0, 0x80], [0xe2, 0x82]] {
      let message = bytes + hostile + Array(#""}}"#.utf8)
      try wire.send(bytes: Array("Content-Length: \(message.count)\r\n\r\n".utf8) + message)
      #expect(try wire.next()?["error"]?["code"] == -32700)
    }
    #expect(try wire.call(#"{"jsonrpc":"2.0","id":2,"method":"server/ping"}"#)?["id"] == 2)
  }
}
