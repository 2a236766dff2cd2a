import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

/// What scripts rely on: the output that is no terminal's, JSON, and exit statuses.
@Suite struct CommandLineTests {
  let server: TestServer
  /// A folder of the user's, which is a workspace named `shop`.
  let shop: String

  init() throws {
    server = try TestServer()
    shop = server.folder.path + "/shop"
    try server.folder.write("shop/README.md", "hello\n")
    #expect(try server.berth(["workspace", "create", shop, "--key", "k", "--label", "team=core"]).code == 0)
  }

  private func json(_ arguments: [String]) throws -> JSONValue {
    let (code, output, errors) = try server.berth(arguments + ["--json"])
    #expect(code == 0, "\(errors)")
    return try JSONParser.parse(output)
  }

  @Test func `lists are lines with tabs or JSON`() throws {
    let lines = try server.berth(["workspace", "list"]).output.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(lines[0].hasPrefix("shop\tshop\tactive\tpresent\t\(shop)\t"))
    let list = try json(["workspace", "list", "--label", "team=core"])
    #expect(list.arrayValue?.first?["key"] == "k")
    #expect(try json(["workspace", "list", "--label", "team=other"]) == [])
  }

  @Test func `the status says how it went`() throws {
    #expect(try server.berth(["workspace", "get", "nothing"]).code == 3)
    #expect(try server.berth(["workspace", "create", shop]).code == 4)
    #expect(try server.berth(["workspace", "get"]).code == 2)
    #expect(try server.berth(["nonsense"]).code == 2)
    #expect(try server.berth(["call", "workspace/get", "workspace:=1"]).code == 2)
    #expect(try server.berth(["call", "no/such"]).code == 2)
    #expect(try TestServer.run(["status", "--no-start", "--home", server.folder.path + "/none"]).code == 5)
    let (code, output, errors) = try server.berth(["workspace", "get", "nothing"])
    #expect(code == 3)
    #expect(output.isEmpty)
    #expect(errors.hasPrefix("berth: No workspace"))
  }

  @Test func `a path stands for the workspace that holds it`() throws {
    #expect(try json(["workspace", "get", shop])["slug"] == "shop")
    #expect(try json(["workspace", "get", shop + "/README.md"])["slug"] == "shop")
    #expect(try server.berth(["workspace", "get", "/"]).code == 3)
  }

  @Test func `workspaces are changed, deleted and restored`() throws {
    let updated = try json([
      "workspace", "update", "k", "--label", "tier=1", "--unlabel", "team", "--metadata", #"{"a": [1]}"#,
    ])
    #expect(updated["labels"] == ["tier": "1"])
    #expect(updated["metadata"] == ["a": [1]])
    #expect(try server.berth(["workspace", "update", "k", "--name", "x", "--if-version", "1"]).code == 4)
    #expect(try server.berth(["workspace", "delete", "k", "--files", "delete"]).code == 2)
    #expect(try json(["workspace", "delete", "k", "--files", "trash"])["state"] == "deleted")
    #expect(try json(["workspace", "restore", "k"])["folderState"] == "present")
  }

  @Test func `files are read and written byte for byte`() throws {
    #expect(try server.berth(["file", "read", "shop", "README.md"]).output == "hello\n")
    #expect(try server.berth(["file", "write", "shop", "a/b.txt", "--text", "x", "--parents"]).code == 0)
    #expect(try server.berth(["file", "write", "shop", "a/b.txt", "--text", "x", "--new"]).code == 4)
    let paths = try server.berth(["file", "list", "shop", "--recursive", "--quiet"]).output
    #expect(paths.split(separator: "\n").sorted() == ["README.md", "a", "a/b.txt"])
    #expect(try server.berth(["file", "copy", "shop", "README.md", "copy.md"]).code == 0)
    #expect(try server.berth(["file", "move", "shop", "copy.md", "moved.md"]).code == 0)
    #expect(try server.berth(["file", "delete", "shop", "a"]).code == 4)
    #expect(try server.berth(["file", "delete", "shop", "a", "moved.md", "--recursive"]).code == 0)
    #expect(try server.berth(["file", "read", "shop", "../x"]).code == 6)
    let bytes: [UInt8] = [0, 255, 10, 13, 200]
    try SmallFile.replace(server.folder.path + "/binary", with: bytes)
    #expect(try server.berth(["file", "write", "shop", "binary", "--from", server.folder.path + "/binary"]).code == 0)
    #expect(try SmallFile.read(shop + "/binary") == bytes)
  }

  @Test func `jobs are followed to their end`() throws {
    let id = try server.berth(["workspace", "snapshot", "shop", "--label", "first"]).output.trimmedLine
    #expect(id.hasPrefix("snap_"))
    try server.folder.write("shop/README.md", "changed\n")
    #expect(try server.berth(["snapshot", "diff", id]).output == "M\tREADME.md\n")
    let restored = try json(["snapshot", "restore", id])
    #expect(restored["state"] == "succeeded")
    #expect(try SmallFile.read(shop + "/README.md") == Array("hello\n".utf8))
    let undo = restored["result"]?["undo"]?.stringValue ?? ""
    #expect(try json(["snapshot", "get", undo])["automatic"] == true)
    let archive = server.folder.path + "/shop.tar.gz"
    #expect(try server.berth(["workspace", "export", "shop", archive]).code == 0)
    #expect(try server.berth(["workspace", "export", "shop", archive]).code == 4)
    let imported = try json(["workspace", "import", archive, "--name", "again"])
    #expect(imported["result"]?["workspace"]?["slug"] == "again")
    let job = try server.berth(["workspace", "snapshot", "shop", "--detach"]).output.trimmedLine
    #expect(try json(["job", "follow", job])["state"] == "succeeded")
  }

  @Test func `templates are names, folders or URLs`() throws {
    try server.folder.write("template/berth.template.yaml", "variables: [{name: who}]\n")
    try server.folder.write("template/hello.txt", "Hello, {{who}}!\n")
    let template = server.folder.path + "/template"
    let missing = try server.berth(["workspace", "create", "--name", "t", "--template", template])
    #expect(missing.code == 1)
    #expect(missing.errors.contains("who"))
    #expect(
      try server.berth(["workspace", "create", "--name", "t", "--template", template, "--var", "who=World"]).code == 0)
    #expect(try server.berth(["file", "read", "t", "hello.txt"]).output == "Hello, World!\n")
  }

  @Test func `streams are written and read as lines`() throws {
    let appended = try server.berth([
      "stream", "append", "custom/build", #"{"n": 1}"#, "--type", "build.step", "--close",
    ])
    #expect(appended.code == 0)
    let lines = try server.berth(["stream", "read", "custom/build", "--json"]).output.split(separator: "\n")
    let events = try lines.map { try JSONParser.parse(String($0)) }
    #expect(events.map { $0["payload"] } == [["n": 1]])
    // It is closed, so that following it ends.
    #expect(try server.berth(["stream", "follow", "custom/build", "--tail", "10"]).output.contains("build.step"))
    #expect(try server.berth(["stream", "append", "custom/build", "1", "--type", "a"]).code == 4)
    let followed = try server.berth(["call", "stream/attach", "stream=custom/build", "--follow"]).output
    #expect(followed.contains("stream/end"))
  }

  @Test func `the configuration is set and unset`() throws {
    #expect(try server.berth(["config", "set", "trash.keepSeconds", "60"]).output == "trash.keepSeconds is 60\n")
    #expect(try server.berth(["config", "get", "trash.keepSeconds"]).output == "60\n")
    #expect(try server.berth(["config", "set", "trash.keepSeconds", "never"]).code == 1)
    #expect(try server.berth(["config", "unset", "trash.keepSeconds"]).output == "trash.keepSeconds is 604800\n")
    #expect(try server.berth(["config", "get", "no.such"]).code == 3)
  }

  @Test func `the protocol is shown`() throws {
    #expect(try server.berth(["methods", "workspace/"]).output.contains("workspace/create\t"))
    #expect(try json(["methods", "file/read"])["name"] == "file/read")
    #expect(try server.berth(["methods", "no/such"]).code == 3)
    for shell in ["bash", "zsh", "fish"] {
      #expect(try TestServer.run(["completions", shell]).output.contains("berth"))
    }
  }

  @Test func `the server is stopped once and started again`() throws {
    #expect(try server.berth(["stop"]).code == 0)
    #expect(try server.berth(["stop"]).code == 0)
    #expect(try server.berth(["status", "--no-start"]).code == 5)
    #expect(try json(["status"])["health"] == "ok")
    #expect(try json(["workspace", "get", "k"])["slug"] == "shop")
    #expect(try server.berth(["stop"]).code == 0)
  }
}

extension String {
  fileprivate var trimmedLine: String { String(prefix { $0 != "\n" }) }
}
