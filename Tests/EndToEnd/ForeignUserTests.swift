import BerthClient
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Another user of the machine.
private enum Nobody {
  static let isPossible = geteuid() == 0 && (try? run("pass", [])) == ""

  /// Runs a script of Python's. - Returns: What it printed.
  static func run(_ script: String, _ arguments: [String]) throws -> String {
    let (process, output, errors) = try ChildProcess.capturing(
      "/usr/bin/env",
      ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", script]
        + arguments)
    let text = String(decoding: try output.readAll() + errors.readAll(), as: UTF8.self)
    return process.wait() == 0 ? text : "failed: \(text)"
  }
}

/// A server is its owner's alone. Apart from the test that says otherwise, the modes of the home and its sockets are
/// opened to everybody, so that nothing but the check of who connects is left to refuse.
@Suite(.enabled(if: Nobody.isPossible, "needs root, setpriv and a python3 that everybody may run"))
struct ForeignUserTests {
  let server: TestServer

  init() throws {
    server = try TestServer()
    chmod(server.folder.path, 0o755)
  }

  private func openToAll() {
    chmod(server.home.path, 0o755)
    for path in [server.home.socket, Home.handoverSocket(for: server.home.socket)] { chmod(path, 0o777) }
  }

  /// Connects as nobody, says something, and returns all that is said back.
  private func say(_ text: String, to socket: String, connections: Int = 1) throws -> String {
    try Nobody.run(
      """
      import array, os, socket, sys
      for _ in range(int(sys.argv[3])):
          peer = socket.socket(socket.AF_UNIX)
          peer.settimeout(20)
          peer.connect(sys.argv[1])
          said = b""
          try:
              socket.send_fds(peer, [sys.argv[2].encode()], [peer.fileno(), peer.fileno()])
          except BrokenPipeError:
              pass
          try:
              while piece := peer.recv(65536):
                  said += piece
          except ConnectionResetError:
              pass
          print(said.decode(), end="")
      """, [socket, text, "\(connections)"])
  }

  private static func isRefusal(_ said: String) throws -> Bool {
    guard let body = said.firstIndex(of: "{") else { return false }
    let answer = try JSONParser.parse(String(said[body...]))
    let error = answer["error"]
    return answer["id"] == .null && error?["code"] == 403 && error?["data"]?["type"] == "scope_denied"
      && error?["message"]?.stringValue?.contains("user 65534") == true
  }

  @Test(arguments: Wire.Framing.allCases)
  func `another user is told why, and nothing that it says is carried out`(framing: Wire.Framing) throws {
    openToAll()
    let folder = server.folder.path + "/theirs"
    let wire = try Wire(.socket, framing, home: server.home)
    let calls = [
      #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#,
      #"{"jsonrpc":"2.0","id":2,"method":"workspace/create","params":{"path":"\#(folder)"}}"#,
    ]
    let said = try say(String(decoding: calls.flatMap(wire.framed), as: UTF8.self), to: server.home.socket)
    #expect(try Self.isRefusal(said), "\(said)")
    #expect(!said.contains("result"))
    let client = try server.connect()
    #expect(try client.call("workspace/list")["workspaces"] == [])
    #expect(access(folder, F_OK) != 0)
  }

  @Test func `another user's standard streams are not taken over`() throws {
    openToAll()
    let line = #"{"handover":1,"version":"0"}"# + "\n"
    #expect(try say(line, to: Home.handoverSocket(for: server.home.socket)) == "")
    // The owner's still are.
    let wire = try Wire(.stdio, .lines, home: server.home)
    try wire.initialize()
    #expect(try wire.call(#"{"jsonrpc":"2.0","id":1,"method":"server/ping"}"#)?["result"] != nil)
  }

  @Test func `connections that were refused leave nothing open`() throws {
    openToAll()
    let client = try server.connect()
    let before = try ProcessFacts.descriptors(of: server.pid)
    let said = try say("{}\n", to: server.home.socket, connections: 200)
    #expect(said.split(separator: "Content-Length").count == 200)
    #expect(try ProcessFacts.descriptors(of: server.pid) <= before)
    #expect(try client.call("server/ping") != .null)
  }

  @Test func `the modes of the home and of its sockets keep others out already`() throws {
    #expect(try say("{}\n", to: server.home.socket).contains("PermissionError"))
    chmod(server.home.path, 0o755)
    for socket in [server.home.socket, Home.handoverSocket(for: server.home.socket)] {
      #expect(try say("{}\n", to: socket).contains("PermissionError"))
    }
  }
}
