import Glibc
import JSON
import Platform
import Synchronization
import TestSupport
import Testing

/// The commands for apps and ports, with real processes.
@Suite final class AppCommandTests {
  private static let homes = Atomic(0)

  let server: TestServer
  /// The folder of a workspace named `shop`.
  let shop: String

  init() throws {
    // Leases are unique in a home: homes that are tested side by side have ranges of their own.
    let first = 23_000 + 20 * Self.homes.add(1, ordering: .relaxed).newValue
    server = try TestServer(config: #"{"apps": {"ports": {"first": \#(first), "last": \#(first + 19)}}}"#)
    shop = server.folder.path + "/shop"
    try server.folder.write("shop/README.md", "hello\n")
    #expect(try server.berth(["workspace", "create", shop]).code == 0)
  }

  deinit {
    // Apps outlive their server, and the server may be one that a command has started.
    _ = try? server.berth(["down", "--all", "--grace", "0"])
    _ = try? server.berth(["stop", "--grace", "0"])
  }

  private func app(_ id: String, _ manifest: String) throws {
    try server.folder.write("shop/\(id)/app.runtime.yaml", "app_id: \(id)\n" + manifest)
  }

  private func json(_ arguments: [String]) throws -> JSONValue {
    let (code, output, errors) = try server.berth(arguments + ["--json"])
    #expect(code == 0, "\(errors)")
    return try JSONParser.parse(output)
  }

  /// Runs a line of shell in a folder, where `berth` is the executable with this home.
  private func shell(_ script: String, in folder: String) throws -> (code: Int32, output: String, errors: String) {
    let line = #"cd "$1" || exit; program=$2 home=$3; berth() { "$program" "$@" --home "$home"; }; "#
    let (process, output, error) = try ChildProcess.capturing(
      "/bin/sh", ["-c", line + script, "sh", folder, TestServer.berth, server.home.path])
    let text = String(decoding: try output.readAll(), as: UTF8.self)
    let errors = String(decoding: try error.readAll(), as: UTF8.self)
    return (process.wait(), text, errors)
  }

  static let web = """
    start: exec python3 -u -m http.server $PORT --bind 127.0.0.1
    healthchecks: {api: {path: /, timeout_s: 20, interval_s: 1}}

    """
  static let ticker = "start: 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done'\n"

  @Test func `apps come up with their URLs and go down to nothing`() throws {
    try app("web", Self.web + "depends_on: {daemon: ready}\n")
    try app(
      "daemon",
      """
      start: nohup python3 -u -m http.server $PORT --bind 127.0.0.1 > out.log 2>&1 &
      healthchecks: {api: {path: /, timeout_s: 20, interval_s: 1}}

      """)
    let up = try server.berth(["up", "-w", "shop"])
    #expect(up.code == 0, "\(up.errors)")
    let rows = up.output.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }.sorted {
      $0[0] < $1[0]
    }
    #expect(rows.map { $0[0] } == ["daemon", "web"])
    #expect(rows.allSatisfy { $0[1] == "running" && $0[2].hasPrefix("http://127.0.0.1:23") })
    let listed = try json(["ps"]).arrayValue ?? []
    #expect(listed.map { $0["state"] } == ["running", "running"])
    let url = try server.berth(["port", "resolve", "web", "--quiet"]).output
    #expect(rows.last?.last == String(url.dropLast()))
    let port = try json(["port", "resolve", "daemon"])["port"]?.intValue ?? 0
    #expect(try server.berth(["ports"]).output.contains("\(port)\thttp\tdaemon\tshop\tleased\tpid "))
    #expect(try server.berth(["port", "who", "\(port)"]).output.contains("\tdaemon\t"))
    // Once more is no more.
    #expect(try server.berth(["up", "web", "--json"]).code == 0)
    #expect(
      try server.berth(["down", "-w", "shop"]).output.split(separator: "\n").allSatisfy { $0.hasSuffix("\tstopped") })
    #expect(try json(["port", "who", "\(port)"])["listening"] == false)
    #expect(
      try server.berth(["port", "release", "\(port)"]).output == "Released \(port), the lease of daemon (http)\n")
  }

  @Test func `an app that fails is told with its last lines, and leaves the others be`() throws {
    try app("broken", "start: 'echo opening; echo no such file >&2; exit 3'\nrestart: {policy: never}\n")
    try app("web", Self.web)
    let (code, output, errors) = try server.berth(["up", "-w", "shop"])
    #expect(code == 1)
    #expect(output.contains("web\trunning\thttp://"))
    #expect(output.contains("broken\tfailed\t"))
    #expect(errors.hasPrefix("berth: 1 of 2 apps does not run\n  broken failed: "))
    #expect(errors.contains("    | no such file\n"))
    #expect(try server.berth(["app", "start", "broken", "--wait", "10"]).code == 1)
    let outcome = try server.berth(["up", "broken", "--json"])
    #expect(outcome.code == 1)
    #expect(try JSONParser.parse(outcome.output)["ok"] == false)
  }

  @Test func `an app that ignores its stop is ended all the same`() throws {
    try app("stubborn", "start: \"trap '' TERM; while :; do sleep 1; done\"\nstop_grace_s: 0.5\n")
    #expect(try server.berth(["up", "-w", "shop"]).code == 0)
    let pid = try json(["app", "get", "stubborn"])["pid"]?.intValue ?? 0
    #expect(kill(Int32(pid), 0) == 0)
    #expect(try server.berth(["down", "stubborn"]).output == "stubborn is stopped\n")
    #expect(kill(Int32(pid), 0) == -1)
  }

  @Test func `the working folder says which workspace is meant`() throws {
    try app("ticker", Self.ticker)
    let other = server.folder.path + "/other"
    try server.folder.write("other/ticker/app.runtime.yaml", "app_id: ticker\n" + Self.ticker)
    #expect(try server.berth(["workspace", "create", other]).code == 0)
    #expect(try shell("berth up", in: shop + "/ticker").output.hasPrefix("ticker\trunning\thttp://127.0.0.1:23"))
    #expect(try shell("berth up", in: other).code == 0)
    // Two have one of this name.
    #expect(try server.berth(["app", "get", "ticker"]).code == 4)
    let mine = try shell("berth app get ticker --json", in: other + "/ticker")
    #expect(try JSONParser.parse(mine.output)["id"] == json(["app", "get", "other/ticker"])["id"])
    let theirs = try shell("berth app stop shop/ticker && berth app get ../shop/ticker --json", in: other)
    #expect(theirs.code == 0, "\(theirs.errors)")
    #expect(theirs.output.hasPrefix("ticker is stopped\n"))
    #expect(try json(["app", "get", "shop/ticker"])["desired"] == "stopped")
    #expect(try json(["app", "get", "other/ticker"])["state"] == "running")
    try server.folder.write("plain/app.runtime.yaml", "app_id: plain\n" + Self.ticker)
    let outside = try shell("berth up", in: server.folder.path + "/plain")
    #expect(outside.code == 3)
    #expect(outside.errors.contains("`berth workspace create .`"))
  }

  @Test func `logs of several apps are merged, and each line is once`() throws {
    try app("one", "start: 'echo first; echo fault >&2; exec sleep 1000'\n")
    try app("two", "depends_on: {one: started}\nstart: 'sleep 0.1; echo second; exec sleep 1000'\n")
    #expect(try server.berth(["up", "-w", "shop"]).code == 0)
    var lines: [String] = []
    while lines.count < 3 {
      lines = try server.berth(["logs", "-w", "shop"]).output.split(separator: "\n").map(String.init)
    }
    #expect(Set(lines[..<2]) == ["one\tstdout\tfirst", "one\tstderr\tfault"])
    #expect(lines[2] == "two\tstdout\tsecond")
    #expect(try server.berth(["app", "logs", "two"]).output == "second\n")
    #expect(try server.berth(["logs", "one", "-n", "1", "--since", "1h"]).output.split(separator: "\n").count == 1)
    #expect(try server.berth(["logs", "one", "--since", "2100-01-01T00:00:00Z"]).output == "")
    let event = try JSONParser.parse(String(try server.berth(["logs", "two", "--json"]).output.dropLast()))
    #expect(event["app"] == "two")
    #expect(event["payload"]?["text"] == "second")
  }

  @Test func `following goes on after the server was killed, with nothing lost or doubled`() throws {
    try app("ticker", Self.ticker)
    #expect(try server.berth(["up", "-w", "shop"]).code == 0)
    let file = server.folder.path + "/followed"
    let output = try OwnedDescriptor.appending(to: file)
    let follower = try ChildProcess(
      TestServer.berth, ["logs", "ticker", "-f", "-n", "10000", "--home", server.home.path], input: .null(),
      output: output, error: .null())
    defer {
      follower.send(SIGKILL)
      follower.wait()
    }
    func followed() -> [Int] {
      let text = (try? server.folder.read("followed")) ?? ""
      // The last one may be half written.
      return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap {
        Int($0.split(separator: " ").last ?? "")
      }
    }
    func wait(for count: Int) {
      let deadline = Timestamp.monotonicNanoseconds() + 30_000_000_000
      while followed().count < count, Timestamp.monotonicNanoseconds() < deadline { follower.waitBriefly() }
    }
    wait(for: 50)
    // The follower starts another one.
    server.kill()
    let before = followed().count
    wait(for: before + 100)
    #expect(try server.berth(["down", "ticker"]).code == 0)
    let last = try server.berth(["app", "logs", "ticker", "-n", "1"]).output.split(separator: " ").last
    let count = Int(last?.dropLast() ?? "") ?? 0
    wait(for: count)
    #expect(count >= before + 100)
    #expect(followed() == Array(1...max(1, count)))
  }

  @Test func `a manifest is checked without a workspace`() throws {
    try server.folder.write("plain/app.runtime.yaml", "app_id: plain\nstart: ./serve\n")
    let plain = server.folder.path + "/plain"
    let valid = try shell("berth app validate", in: plain)
    #expect(valid.code == 0, "\(valid.errors)")
    #expect(valid.output == "app.runtime.yaml is a valid manifest of `plain`\n")
    let wrong = try shell(#"printf 'app_id: x\nstart: y\nports: {http: z}\n' | berth app validate -"#, in: plain)
    #expect(wrong.code == 1)
    #expect(wrong.output.hasPrefix("<stdin>:3:15: error: "))
    #expect(wrong.errors == "berth: <stdin> has 1 error\n")
    #expect(try shell("mkdir empty && berth app validate empty", in: plain).code == 3)
    #expect(try shell("berth app validate nothing.yaml", in: plain).code == 3)
  }

  @Test func `variables and secrets are given and taken back`() throws {
    try app("web", "start: 'echo $MODE $TOKEN; exec sleep 1000'\nenv_contract: [MODE, TOKEN]\n")
    #expect(
      try server.berth(["app", "install", "./web/", "-w", "shop", "--env", "MODE=a"]).output.hasPrefix(
        "Installed web, app_"))
    #expect(try shell("berth app install web", in: shop).output.hasPrefix("web is installed already, app_"))
    let missing = try server.berth(["up", "web"])
    #expect(missing.code == 1)
    #expect(missing.errors.contains("TOKEN"))
    #expect(try shell("echo sesame | berth app configure web MODE=b --secret TOKEN", in: shop).code == 0)
    let configured = try json(["app", "get", "web"])
    #expect(configured["env"] == ["MODE": "b"])
    #expect(configured["secretEnv"] == ["TOKEN"])
    #expect(try server.berth(["up", "web"]).code == 0)
    #expect(try json(["app", "configure", "web", "--unset", "TOKEN"])["secretEnv"] == [])
    #expect(try server.berth(["app", "uninstall", "web", "--delete-files"]).code == 2)
    #expect(
      try server.berth(["app", "uninstall", "web", "--delete-files", "--yes"]).output
        == "Uninstalled web and its files\n")
    #expect(try server.berth(["app", "get", "web"]).code == 3)
    #expect(try server.berth(["file", "stat", "shop", "web"]).code == 3)
  }

  @Test func `a setup is skipped until it is forced`() throws {
    try app("web", "setup: 'echo preparing'\nstart: exec sleep 1000\n")
    #expect(try server.berth(["app", "install", "web", "-w", "shop"]).code == 0)
    #expect(try json(["app", "build-status", "web"])["state"] == "needed")
    let first = try server.berth(["app", "setup", "web"])
    #expect(first.output.hasPrefix("Set up web in "))
    #expect(first.errors.contains("preparing"))
    #expect(try server.berth(["app", "setup", "web"]).output.hasPrefix("web needs no setup now"))
    #expect(try json(["app", "setup", "web", "--force"])["result"]?["skipped"] == false)
    let job = try server.berth(["app", "setup", "web", "--force", "--detach"]).output.dropLast()
    #expect(try json(["job", "follow", String(job)])["state"] == "succeeded")
    #expect(try server.berth(["app", "build-status", "web"]).output.hasPrefix("setup\tdone\n"))
  }

  @Test func `ports are leased for what is no app`() throws {
    let port = try server.berth(["port", "reserve", "mine"]).output.dropLast()
    #expect(try server.berth(["port", "reserve", "mine"]).output.dropLast() == port)
    #expect(try server.berth(["port", "reserve", "other", "--port", String(port)]).code == 4)
    #expect(try server.berth(["port", "list"]).output == "\(port)\tmine\t-\t-\tleased\tno\n")
    #expect(
      try server.berth(["port", "who", String(port)]).output
        == "Nobody listens on port \(port), which is leased to mine\n")
    #expect(try server.berth(["port", "release", String(port)]).code == 0)
    #expect(try server.berth(["port", "release", String(port)]).code == 3)
  }
}
