import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// The commands for remote machines, as they are typed: on a terminal, and from scripts.
@Suite(.enabled(if: TestMachine.isInstalled), .serialized) final class ProvisioningCommandTests {
  private let machine: TestMachine
  private let home: ProvisioningHome

  init() throws {
    machine = try TestMachine()
    home = try ProvisioningHome()
    try home.add(machine)
  }

  private func terminal(_ arguments: String...) throws -> PseudoTerminal {
    try PseudoTerminal("/usr/bin/env", ["BERTH_HOME=\(home.server.home.path)", TestServer.berth] + arguments)
  }

  private func berth(_ arguments: String...) throws -> (code: Int32, output: String, errors: String) {
    try home.server.berth(arguments)
  }

  /// Runs a line of shell in which `berth` is the executable with this home.
  private func shell(_ script: String) throws -> (code: Int32, output: String) {
    let line = #"program=$1; export BERTH_HOME=$2; berth() { "$program" "$@"; }; "#
    let (process, output, error) = try ChildProcess.capturing(
      "/bin/sh", ["-c", line + script, "sh", TestServer.berth, home.server.home.path])
    let text = String(decoding: try output.readAll(), as: UTF8.self)
    _ = try error.readAll()
    return (process.wait(), text)
  }

  private var openConnections: Int {
    get throws {
      try home.client.request(ConnectionList.self, .init(statuses: [.connecting, .connected])).connections.count
    }
  }

  // MARK: Shells

  @Test func `a shell is a terminal there: keys, signals, its size, and its exit code`() throws {
    let terminal = try terminal("instance", "shell", "machine")
    try terminal.wait(for: "# ")
    try terminal.type("echo $((6 * 7)); tty\r")
    try terminal.wait(for: "42")
    try terminal.wait(for: "/dev/pts/")
    try terminal.type("stty size\r")
    try terminal.wait(for: "24 80")
    terminal.resize(rows: 50, columns: 132)
    // The size comes there a moment later.
    try terminal.type("until stty size | grep -q '50 132'; do sleep 0.05; done; echo resi''zed\r")
    try terminal.wait(for: "resized")
    try terminal.type("sleep 600\r")
    try terminal.wait(for: "sleep 600")
    try terminal.type("\u{3}")
    try terminal.wait(for: "^C")
    try terminal.type("echo $(printf é漢😀 | wc -c) bytes\r")
    try terminal.wait(for: "9 bytes")
    try terminal.type("exit 7\r")
    #expect(try terminal.end() == 7)
    #expect(try openConnections == 0)
  }

  @Test func `a shell is left with its escape, whatever runs in it`() throws {
    let terminal = try terminal("instance", "shell", "machine")
    try terminal.wait(for: "# ")
    try terminal.type("exec sleep 4711\r")
    try terminal.wait(for: "sleep 4711")
    try terminal.type("\r~.")
    try terminal.wait(for: "left; the shell is closed")
    #expect(try terminal.end() == 0)
    #expect(try waits { try self.openConnections == 0 })
    #expect(try waits { try self.machine.run("grep -l 'sleep.471[1]' /proc/[0-9]*/cmdline").status != 0 })
  }

  @Test func `a script's input is typed into a shell, and its end ends it`() throws {
    let ended = try shell("printf 'echo $((6 * 7))\\nexit 3\\n' | berth instance shell machine")
    #expect(ended.code == 3 && ended.output.contains("42"), "\(ended)")
    #expect(try shell("printf 'echo al''ive\\n' | berth instance shell machine").output.contains("alive"))
    #expect(try berth("instance", "shell", "nobody").code == 3)
  }

  @Test func `a command's outputs, input and exit code are the program's own`() throws {
    let ended = try berth("instance", "exec", "machine", "echo out; echo err >&2; exit 5")
    #expect(ended.code == 5 && ended.output == "out\n" && ended.errors == "err\n", "\(ended)")
    // Each of several words stays one.
    #expect(try shell(#"berth instance exec machine -- printf '%s|' 'a b' '$HOME' "'""#).output == "a b|$HOME|'|")
    #expect(try shell("printf 'one\\ntwo\\n' | berth instance exec machine -i -- wc -l").output == "2\n")

    let terminal = try terminal("instance", "exec", "machine", "--", "echo begun; sleep 4712")
    try terminal.wait(for: "begun")
    try terminal.type("\u{3}")
    #expect(try terminal.end() == 130)
    #expect(try waits { try self.machine.run("grep -l 'sleep.471[2]' /proc/[0-9]*/cmdline").status != 0 })
  }

  // MARK: Connections

  @Test func `connecting is shown as it goes on, and told in rows to scripts`() throws {
    let (good, bad) = ("machine", "gone")
    _ = try home.client.request(
      InstanceCreate.self, .init(host: "127.0.0.1", name: bad, port: try ListeningSocket().port, user: "root"))
    let live = try terminal("connect", "perl", good)
    try live.wait(for: "✓ \(good)  connected: perl-system ")
    #expect(try live.end() == 0)
    // What is drawn over goes in the end, and no step stays behind.
    #expect(live.shown.contains("\u{1B}["), "\(live.shown)")

    let again = try berth("connect", "perl", good, bad)
    #expect(again.code != 0)
    let rows = again.output.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(rows.contains { $0.starts(with: ["machine", "connected"]) }, "\(again)")
    #expect(rows.contains { $0.starts(with: ["gone", "failed", "connect_refused"]) }, "\(again)")
    #expect(again.errors.contains("1 of 2 is not connected"), "\(again)")
    let listed = try JSONParser.parse(try berth("connection", "list", "--json").output)
    #expect(listed.arrayValue?.contains { $0["status"] == "connected" } == true, "\(listed.jsonString)")
    #expect(try berth("disconnect", "perl", good).code == 0)
    #expect(try openConnections == 0)
  }

  @Test func `those who connect the same at the same moment share it`() throws {
    let outcome = try shell("for i in 1 2 3 4; do berth connect perl machine & done; wait")
    let rows = outcome.output.split(separator: "\n").map { $0.split(separator: "\t").prefix(2) }
    #expect(rows == Array(repeating: ["machine", "connected"], count: 4), "\(outcome)")
    let made = try home.client.request(ResourceList.self, .init(types: [.runtime])).resources
    #expect(made.count == 1, "\(made.map(\.name))")
    #expect(try openConnections == 1)
  }
}
