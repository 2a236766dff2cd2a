import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// The commands for agents and their runs, with agents that are scripts.
@Suite final class AgentCommandTests {
  let server: TestServer
  /// The folder of a workspace named `shop`.
  let shop: String

  private static let agents = [
    "echo": "cat; echo oops >&2",
    "fails": "cat >/dev/null; echo starting; exit 3",
    // Says a line, and waits until it may go on.
    "waits": "cat; while ! [ -e go ]; do sleep 0.02; done; echo second",
    "counts": "cat >/dev/null; i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; sleep 0.01; done",
    "polite": "trap 'echo bye; exit 0' TERM; cat; while :; do sleep 0.02; done",
    "stubborn": "trap '' TERM; cat; while :; do sleep 0.02; done",
    "secretive": "cat >/dev/null; test ${#TOKEN} = 6 && echo it is there: $TOKEN",
    "loud": #"cat >/dev/null; printf '\033[31mred\033[0m\033]0;t\007\n{"a": 1}\n'"#,
  ]

  /// An agent of the Agent Client Protocol that asks before it does something.
  private static let asking = """
    import json, sys
    def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
    def update(**update): send(method="session/update", params={"sessionId": "s", "update": update})
    diff = {"type": "diff", "path": "a.txt", "oldText": "one\\n", "newText": "two\\n"}
    names = {"yes": ("Allow", "allow_once"), "ever": ("Always", "allow_always"), "no": ("Reject", "reject_once")}
    options = [{"optionId": id, "name": name, "kind": kind} for id, (name, kind) in names.items()]
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize": send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
            case "session/new": send(id=message["id"], result={"sessionId": "s"})
            case "session/prompt":
                prompt = message["id"]
                update(sessionUpdate="tool_call", toolCallId="t", title="Edit a.txt", kind="edit", status="pending")
                call = {"toolCallId": "t", "title": "Edit a.txt", "content": [diff]}
                send(id=77, method="session/request_permission",
                    params={"sessionId": "s", "toolCall": call, "options": options})
            case None if message.get("id") == 77:
                option = message["result"]["outcome"].get("optionId", "nothing")
                status = "completed" if option == "yes" else "failed"
                update(sessionUpdate="tool_call_update", toolCallId="t", status=status)
                text = {"type": "text", "text": "It was " + option}
                update(sessionUpdate="agent_message_chunk", content=text)
                send(id=prompt, result={"stopReason": "cancelled" if option == "nothing" else "end_turn"})
    """

  init() throws {
    var declared = Self.agents.mapValues { script in
      JSONValue.object(["kind": "command", "command": "/bin/sh", "args": ["-c", .string(script)]])
    }
    declared["asks"] = [
      "kind": "acp", "command": "/usr/bin/env", "args": ["python3", "-c", .string(Self.asking)],
    ]
    let agents = declared.sorted { $0.key < $1.key }.reduce(into: JSONObject()) { $0[$1.key] = $1.value }
    server = try TestServer(config: JSONValue.object(["agents": .object(agents)]).jsonString)
    shop = server.folder.path + "/shop"
    try server.folder.write("shop/README.md", "hello\n")
    #expect(try server.berth(["workspace", "create", shop]).code == 0)
  }

  deinit {
    // Programs of commands outlive their server, and the server may be one that a command has started.
    let going = ["queued", "starting", "running", "waiting"].flatMap { ["--state", $0] }
    let runs = try? JSONParser.parse(server.berth(["runs", "--all", "--json"] + going).output)
    let ids = (runs?.arrayValue ?? []).compactMap { $0["id"]?.stringValue }
    if !ids.isEmpty { _ = try? server.berth(["run", "cancel", "--grace", "0"] + ids) }
    _ = try? server.berth(["stop", "--grace", "0"])
  }

  private func run(_ arguments: String...) throws -> (code: Int32, output: String, errors: String) {
    try server.berth(["run", "-w", "shop"] + arguments)
  }

  private func json(_ arguments: [String]) throws -> JSONValue {
    let (code, output, errors) = try server.berth(arguments + ["--json"])
    #expect(code == 0, "\(errors)")
    return try JSONParser.parse(output)
  }

  /// Runs a line of shell in the workspace's folder, where `berth` is the executable with this home.
  private func shell(_ script: String) throws -> (code: Int32, output: String, errors: String) {
    let line = #"cd "$1" || exit; program=$2 home=$3; berth() { "$program" "$@" --home "$home"; }; "#
    let (process, output, error) = try ChildProcess.capturing(
      "/bin/sh", ["-c", line + script, "sh", shop, TestServer.berth, server.home.path])
    let text = String(decoding: try output.readAll(), as: UTF8.self)
    let errors = String(decoding: try error.readAll(), as: UTF8.self)
    return (process.wait(), text, errors)
  }

  private func terminal(_ arguments: String...) throws -> PseudoTerminal {
    try PseudoTerminal(
      TestServer.berth, ["run", "-w", "shop"] + arguments + ["--home", server.home.path])
  }

  private var lastRun: JSONValue? {
    get throws { try json(["runs", "--all", "-n", "1"]).arrayValue?.first }
  }

  // MARK: Output and statuses

  @Test func `what an agent says is the output, and the status how it went`() throws {
    let good = try run("-a", "echo", "do it")
    #expect(good.code == 0)
    #expect(good.output == "do it\n")
    #expect(good.errors == "oops\n")
    let bad = try run("-a", "fails", "do it")
    #expect(bad.code == 1)
    #expect(bad.output == "starting\n")
    #expect(bad.errors == "berth: `/bin/sh` ended with exit code 3.\n")
    #expect(try run("-a", "echo", "do it", "--quiet").errors.isEmpty)
    #expect(try run("-a", "polite", "x", "--deadline", "0.2").code == 1)
  }

  @Test func `output comes while the run goes on`() throws {
    let (process, output, _) = try ChildProcess.capturing(
      TestServer.berth, ["run", "-w", "shop", "-a", "waits", "first", "--home", server.home.path])
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = try bytes.withUnsafeMutableBytes { try output.read(into: $0) }
    #expect(bytes[..<count].elementsEqual("first\n".utf8))
    try server.folder.write("shop/go", "")
    #expect(String(decoding: try output.readAll(), as: UTF8.self) == "second\n")
    #expect(process.wait() == 0)
  }

  @Test func `nothing of the output acts on the terminal`() throws {
    let (code, output, _) = try run("-a", "loud", "x")
    #expect(code == 0)
    #expect(output == "red\u{FFFD}]0;t\u{FFFD}\n{\"a\":1}\n")
  }

  @Test func `with JSON, each event is a line, and the run is the last`() throws {
    let (code, output, _) = try run("-a", "fails", "do it", "--json")
    #expect(code == 1)
    let lines = try output.split(separator: "\n").map { try JSONParser.parse(String($0)) }
    let events = lines.dropLast()
    #expect(events.map { $0["payload"]?["seq"]?.intValue } == Array(1...events.count))
    #expect(events.first?["type"] == "run.state" && events.last?["type"] == "run.failed")
    #expect(events.contains { $0["type"] == "output" && $0["payload"]?["text"] == "starting" })
    #expect(lines.last?["state"] == "failed" && lines.last?["exit"]?["code"] == 3)
  }

  @Test func `what is not there is told`() throws {
    #expect(try run("-a", "nobody", "x").code == 3)
    #expect(try run("-a", "nobody", "x").errors.contains("`berth agents`"))
    // Several are declared, and none is the default.
    #expect(try run("x").code == 3)
    #expect(try server.berth(["run", "-a", "echo", "x", "-w", "nothing"]).code == 3)
    #expect(try server.berth(["run", "-a", "echo", "x", "-w", "/"]).code == 3)
    #expect(try run("-a", "echo", "x", "--continue").code == 3)
    #expect(try run("-a", "echo", "x", "--session", "ags_none").code == 3)
    #expect(try run("-a", "echo", "x", "--file", "missing").code == 3)
    #expect(try run("-a", "echo", "x", "--priority", "1000").code == 2)
    for command in ["show", "attach", "cancel"] { #expect(try server.berth(["run", command, "run_none"]).code == 3) }
    #expect(try server.berth(["run", "send", "run_none", "x"]).code == 3)
    #expect(try server.berth(["run", "answer", "prm_none", "yes"]).code == 3)
    #expect(try server.berth(["run", "history", "ags_none"]).code == 3)
  }

  @Test func `a prompt comes from standard input too, and from the folder follows the workspace`() throws {
    #expect(try shell("printf 'one\\ntwo\\n' | berth run -a echo").output.hasPrefix("one\ntwo\n"))
    #expect(try shell("echo three | berth run - -a echo").output.hasPrefix("three\n"))
    // Not looked at where there is a prompt.
    #expect(try shell("echo three | berth run four -a echo").output == "four\n")
    #expect(try shell("berth run -a echo </dev/null").code == 2)
    #expect(try shell("printf '\\377' | berth run -a echo").code == 2)
    #expect(try shell(#"BERTH_HOME="$home" "$program" run -a echo -- show"#).output == "show\n")
    #expect(try shell("berth run start show -a echo").output == "show\n")
    #expect(try shell("berth runs | wc -l").output.contains("5"))
  }

  @Test func `files of the workspace are named, and others come along`() throws {
    try server.folder.write("notes.txt", "remember\n")
    let text = try shell("mkdir -p sub && cd sub && berth run -a echo look -f ../README.md -f ../../notes.txt").output
    #expect(text.hasPrefix("look\n@README.md\n<file://"))
    #expect(text.contains("/notes.txt>\nremember\n"))
    // Of one that is named from elsewhere.
    try server.folder.write("shop/only-here.txt", "")
    #expect(try run("-a", "echo", "look", "--file", "only-here.txt").output == "look\n@only-here.txt\n")
    #expect(try run("-a", "echo", "look", "--image", "only-here.txt").code == 1)
  }

  // MARK: Ctrl-C

  @Test func `Ctrl-C cancels the run and shows its end`() throws {
    let terminal = try terminal("-a", "polite", "working")
    try terminal.wait(for: "working")
    try terminal.type("\u{3}")
    try terminal.wait(for: "cancelling")
    try terminal.wait(for: "bye")
    #expect(try terminal.end() == 130)
    #expect(terminal.shown.contains("was cancelled"))
    #expect(try lastRun?["state"] == "cancelled")
  }

  @Test func `a second Ctrl-C leaves at once, and the run is cancelled all the same`() throws {
    let terminal = try terminal("-a", "stubborn", "working")
    try terminal.wait(for: "working")
    try terminal.type("\u{3}")
    try terminal.wait(for: "cancelling")
    let id = try lastRun?["id"]?.stringValue ?? ""
    try terminal.type("\u{3}")
    #expect(try terminal.end() == 130)
    // It has ten seconds to end by itself.
    #expect(try json(["run", "show", id])["state"] == "running", "\(terminal.shown)")
    #expect(try json(["run", "cancel", id, "--grace", "0"]).arrayValue?.first?["state"] == "cancelled")
  }

  @Test func `who is attached leaves with Ctrl-C, and the run goes on`() throws {
    let id = String(try run("-a", "waits", "x", "--detach").output.dropLast())
    let terminal = try PseudoTerminal(
      TestServer.berth, ["run", "attach", id, "--from-start", "--home", server.home.path])
    try terminal.wait(for: "> x")
    try terminal.type("\u{3}")
    #expect(try terminal.end() == 130)
    #expect(terminal.shown.contains("the run goes on"))
    try server.folder.write("shop/go", "")
    #expect(try json(["run", "show", id, "--wait", "30"])["state"] == "completed")
  }

  // MARK: Questions

  @Test func `a question is answered at the terminal`() throws {
    let terminal = try terminal("-a", "asks", "edit it")
    try terminal.wait(for: "? Edit a.txt")
    try terminal.wait(for: "- one")
    try terminal.wait(for: "1) Allow (y)")
    try terminal.wait(for: "Answer [1-3, y, a, n]: ")
    try terminal.type("maybe\n")
    try terminal.wait(for: "Answer [1-3, y, a, n]: ")
    try terminal.type("y\n")
    try terminal.wait(for: "→ Allow")
    try terminal.wait(for: "✓ Edit a.txt")
    try terminal.wait(for: "It was yes")
    #expect(try terminal.end() == 0)
  }

  @Test func `a question that another has answered goes away`() throws {
    let terminal = try terminal("-a", "asks", "edit it")
    try terminal.wait(for: "Answer [1-3, y, a, n]: ")
    let permission = try lastRun?["permission"]?["id"]?.stringValue ?? ""
    #expect(try server.berth(["run", "answer", permission, "perhaps"]).code != 0)
    #expect(try server.berth(["run", "answer", permission, "no"]).output == "Edit a.txt: Reject\n")
    #expect(try server.berth(["run", "answer", permission, "yes"]).code == 4)
    try terminal.wait(for: "Reject, answered elsewhere")
    try terminal.wait(for: "It was no")
    #expect(try terminal.end() == 0)
  }

  @Test func `Ctrl-C takes a question along`() throws {
    let terminal = try terminal("-a", "asks", "edit it")
    try terminal.wait(for: "Answer [1-3, y, a, n]: ")
    try terminal.type("\u{3}")
    try terminal.wait(for: "cancelling")
    #expect(try terminal.end() == 130)
    #expect(try lastRun?["state"] == "cancelled")
  }

  @Test func `without a terminal a question says how to answer it, and waits`() throws {
    let (process, output, errors) = try ChildProcess.capturing(
      TestServer.berth, ["run", "-w", "shop", "-a", "asks", "edit it", "--home", server.home.path])
    var told = ""
    while !told.contains(" no  Reject\n") {
      var bytes = [UInt8](repeating: 0, count: 1000)
      let count = try bytes.withUnsafeMutableBytes { try errors.read(into: $0) }
      guard count > 0 else { break }
      told += String(decoding: bytes[..<count], as: UTF8.self)
    }
    let permission = try lastRun?["permission"]?["id"]?.stringValue ?? ""
    #expect(told.contains("  berth run answer \(permission) yes  Allow\n"))
    #expect(try server.berth(["run", "answer", permission, "yes"]).code == 0)
    #expect(String(decoding: try output.readAll(), as: UTF8.self) == "It was yes\n")
    #expect(process.wait() == 0)
    #expect(try run("-a", "asks", "x", "--permissions", "allow").output == "It was yes\n")
    #expect(try run("-a", "asks", "x", "--permissions", "deny").errors.contains("Reject, as the run's policy says"))
  }

  // MARK: Leaving and coming back

  @Test func `a run is left and followed later`() throws {
    let id = String(try run("-a", "waits", "first", "--detach").output.dropLast())
    #expect(id.hasPrefix("run_"))
    #expect(try server.berth(["runs", "-w", "shop"]).output.hasPrefix("\(id)\t"))
    #expect(try json(["runs", "--all", "--state", "completed"]) == [])
    try server.folder.write("shop/go", "")
    let followed = try server.berth(["run", "attach", id, "--from-start"])
    #expect(followed.code == 0)
    #expect(followed.output == "first\nsecond\n")
    #expect(followed.errors.hasPrefix("> first\n"))
    #expect(try server.berth(["run", "attach", id, "--from-start"]).output == "first\nsecond\n")
    #expect(try server.berth(["run", "attach", id]).code == 0)
    let shown = try server.berth(["run", "show", id]).output
    #expect(shown.contains("state\tcompleted\n") && shown.hasSuffix("\nfirst\nsecond\n"))
  }

  @Test func `a run goes on after the server was killed, with nothing lost or doubled`() throws {
    let file = server.folder.path + "/said"
    let process = try ChildProcess(
      TestServer.berth, ["run", "-w", "shop", "-a", "counts", "x", "--home", server.home.path], input: .null(),
      output: .appending(to: file), error: .appending(to: server.folder.path + "/errors"))
    func said() -> Int { ((try? server.folder.read("said")) ?? "")?.count { $0 == "\n" } ?? 0 }
    let deadline = Timestamp.monotonicNanoseconds() + 30_000_000_000
    while said() < 50, Timestamp.monotonicNanoseconds() < deadline { process.waitBriefly() }
    // The command starts another one.
    server.kill()
    #expect(said() < 300)
    #expect(process.wait() == 0)
    #expect(try server.folder.read("said") == (1...300).map { "line \($0)\n" }.joined())
    #expect(try json(["runs", "--all"]).arrayValue?.count == 1)
    #expect(try server.folder.read("errors") == "the server has gone; connecting again\n")
  }

  @Test func `more is said to a run, and to its session`() throws {
    let id = String(try run("-a", "waits", "first", "--detach").output.dropLast())
    #expect(try server.berth(["run", "send", id, "more"]).code == 0)
    #expect(try server.berth(["run", "send", id, "more", "--steer"]).code != 0)
    try server.folder.write("shop/go", "")
    #expect(try server.berth(["run", "attach", id, "--from-start"]).output == "first\nsecond\nmore\nsecond\n")
    #expect(try server.berth(["run", "send", id, "late"]).code == 4)
    let session = try json(["run", "show", id])["session"]?.stringValue ?? ""
    #expect(try run("-c", "again").output == "again\nsecond\n")
    #expect(try server.berth(["run", "--session", session, "once more"]).output == "once more\nsecond\n")
    #expect(try lastRun?["session"]?.stringValue == session)
    let history = try server.berth(["run", "history", session]).output
    #expect(
      history.split(separator: "\n").filter { $0.hasPrefix("> ") } == ["> first", "> more", "> again", "> once more"])
    #expect(try server.berth(["run", "history", id, "--json"]).output.hasPrefix(#"{"run":"\#(id)""#))
  }

  // MARK: Agents

  @Test func `agents are declared, tried out and taken away`() throws {
    let added = try server.berth(["agent", "add", "mine", "--command", "/bin/cat", "--arg", "-u", "--default"])
    #expect(added.output == "Added mine, which runs /bin/cat -u\n")
    #expect(try run("x").output == "x\n")
    #expect(try server.berth(["agent", "add", "mine", "--command", "/bin/sh"]).code == 4)
    #expect(try server.berth(["agent", "add", "mine", "--command", "/bin/sh", "--replace"]).code == 0)
    #expect(try json(["agent", "show", "mine"])["command"] == ["/bin/sh"])
    #expect(try server.berth(["agents"]).output.contains("mine\tcommand\t/bin/sh\task\t"))
    #expect(try server.berth(["agent", "probe", "mine"]).code == 0)
    #expect(try server.berth(["agent", "add", "lost", "--command", "no-such-program"]).code == 0)
    let probed = try server.berth(["agent", "probe", "lost"])
    #expect(probed.code == 1 && probed.errors.contains("no-such-program"))
    #expect(try server.berth(["agent", "remove", "mine"]).output == "Removed mine\n")
    #expect(try server.berth(["agent", "remove", "mine"]).code == 3)
    #expect(try server.berth(["agent", "show", "mine"]).code == 3)
    #expect(try run("x").code == 3)
    #expect(try server.berth(["agent", "add", "a b", "--command", "sh"]).code != 0)
  }

  @Test func `a secret is read from standard input, reaches the agent, and is not shown`() throws {
    #expect(try run("-a", "secretive", "x").code == 1)
    #expect(try shell("echo sesame | berth agent secret secretive TOKEN").output == "Secrets of secretive: TOKEN\n")
    let (code, output, _) = try run("-a", "secretive", "x")
    #expect(code == 0)
    #expect(output.hasPrefix("it is there: ") && !output.contains("sesame"))
    #expect(try !server.berth(["agent", "show", "secretive", "--json"]).output.contains("sesame"))
    #expect(
      try server.berth(["agent", "secret", "secretive", "TOKEN", "--unset"]).output == "Secrets of secretive: none\n")
    #expect(try shell("berth agent secret secretive TOKEN </dev/null").code == 2)
  }
}
