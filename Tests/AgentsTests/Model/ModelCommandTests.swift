import BerthProtocol
import Glibc
import JSON
import Platform
import Supervisor
import TestSupport
import Testing

@testable import Agents

@Suite(.timeLimit(.minutes(3))) struct ModelCommandTests {
  private func run(
    _ command: String, _ change: (inout AgentConfig) -> Void = { _ in }
  ) async throws -> (String, RunContext, ModelFixture) {
    let fixture = try await ModelFixture(
      .calls(.call("a", "run_command", ["command": .string(command)])), .answer("Done."))
    let run = try fixture.run("Do it.", change)
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    return (try fixture.result(of: "a") ?? "", run, fixture)
  }

  @Test func `its output and exit code are told`() async throws {
    let (result, run, fixture) = try await run("echo out; echo err >&2; pwd; exit 3")
    #expect(result == "out\nerr\n\(fixture.home.workspace.path)\n[exit code 3]")
    #expect(run.record.driver["programs"] == nil)
    let update = try fixture.home.events(run).of("tool.update").last
    #expect(update?["status"] == "failed")
    let names = try Directory(path: fixture.home.services.supervision.folder).entries()
    #expect(names.isEmpty)
  }

  @Test func `it does not get the agent's secrets, but its own environment and limits`() async throws {
    let (result, _, _) = try await run("env; ulimit -c; cat missing; printf '\(ModelFixture.key)'") {
      $0.env = ["OWN": "value"]
    }
    #expect(!result.contains(ModelFixture.key) && !result.contains("API_KEY") && result.contains("OWN=value"))
    #expect(result.contains("\n0\n") && result.hasSuffix("***\n[exit code 0]"))
  }

  @Test func `long output keeps its beginning and its end`() async throws {
    let (result, _, _) = try await run("echo first; yes 'ein grüner Satz' | head -n 200000; echo last")
    #expect(result.hasPrefix("first\nein grüner Satz\n") && result.hasSuffix("last\n[exit code 0]"))
    #expect(result.contains("bytes are left out") && result.utf8.count < 40_000 && !result.contains("\u{FFFD}"))
  }

  @Test func `what takes too long is ended whole`() async throws {
    let (result, run, _) = try await run("(setsid sleep 1234.5 &); echo began; sleep 1234.5") { $0.commandSeconds = 1 }
    #expect(result == "began\n[ended, since it took longer than 1 s]")
    #expect(try sleepers(run) == 0)
  }

  @Test func `a run that is cancelled leaves nothing of a command`() async throws {
    let fixture = try await ModelFixture(
      .calls(.call("a", "run_command", ["command": "(setsid sleep 1235.5 &); touch began; sleep 1235.5"])))
    let run = try fixture.run()
    let task = fixture.begin(run)
    _ = try await withDeadline(seconds: 30, "the command's beginning") {
      while try fixture.home.text("began") == nil { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(run.record.driver["programs"]?.arrayValue?.first?.stringValue?.hasPrefix("trm_") == true)
    try run.cancel(graceSeconds: 10)
    #expect(try await task.value(within: 20).isCancelled)
    #expect(try sleepers(run) == 0)
    #expect(try fixture.home.events(run).of("tool.update").last?["status"] == "failed")
  }

  /// How many processes stand in the run's folder.
  private func sleepers(_ run: RunContext) throws -> Int {
    try Directory(path: "/proc").entries().filter { entry in
      guard let number = Int32(entry.name.string) else { return false }
      var path = [CChar](repeating: 0, count: 4096)
      let count = readlink("/proc/\(number)/cwd", &path, path.count - 1)
      return count > 0
        && String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) == run.directory
    }.count
  }

  @Test(.enabled(if: CommandSandbox.available != nil, "bubblewrap is not there"))
  func `in a sandbox it sees the system and its workspace only`() async throws {
    let fixture = try await ModelFixture(
      .calls(
        .call(
          "a", "run_command",
          [
            "command":
              "echo in > made; ls -a ..; touch /usr/x 2>&1 | grep -o 'Read-only'; cat ../outside; ls /proc | grep -c '^[0-9]'; echo $TMPDIR; echo t > /tmp/berth-sandbox-test && ls ~"
          ])), .answer("ok"))
    try fixture.home.folder.write("outside", "secret")
    let run = try fixture.run { $0.sandbox = .always }
    try await fixture.carry(run)
    let result = try #require(try fixture.result(of: "a"))
    #expect(try fixture.home.text("made") == "in\n")
    #expect(result.contains("demo") && !result.contains("secret\n") && !result.contains("home\n"), "\(result)")
    #expect(result.contains("Read-only") && result.contains("/tmp\n") && result.contains("No such file"), "\(result)")
    #expect(access("/tmp/berth-sandbox-test", F_OK) != 0)
  }

  @Test(.enabled(if: CommandSandbox.available != nil, "bubblewrap is not there"))
  func `what takes too long in a sandbox is ended whole`() async throws {
    let (result, run, _) = try await run("sleep 1236.5 & sleep 1236.5") {
      $0.commandSeconds = 1
      $0.sandbox = .auto
    }
    #expect(result.contains("took longer than 1 s"))
    #expect(try sleepers(run) == 0)
  }

  @Test(.enabled(if: CommandSandbox.available == nil, "bubblewrap is there"))
  func `without a sandbox it runs plainly where it may, which is told once`() async throws {
    let (result, run, fixture) = try await run("echo plain") { $0.sandbox = .auto }
    #expect(result == "plain\n[exit code 0]")
    #expect(try fixture.home.events(run).of("log").count == 1)
    let (refused, _, _) = try await self.run("echo plain") { $0.sandbox = .always }
    #expect(refused.contains("bubblewrap"))
  }
}
