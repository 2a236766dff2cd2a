import ArgumentParser
import BerthClient
import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct AppArgumentTests {
  @Test func `an app is named alone or with its workspace`() {
    #expect(AppFinder.split("web") == (nil, "web"))
    #expect(AppFinder.split("shop/web") == ("shop", "web"))
    #expect(AppFinder.split("./web") == (".", "web"))
    #expect(AppFinder.split("/home/me/shop/web") == ("/home/me/shop", "web"))
    #expect(AppFinder.split("/web") == ("/", "web"))
  }

  @Test func `a folder in a workspace is taken without dots and slashes around it`() {
    #expect(AppCommand.Install.inner("./services/web/") == "services/web")
    #expect(AppCommand.Install.inner("/") == "")
    #expect(AppCommand.Install.inner("..") == "..")
  }

  static let times: [(String, PastTime?)] = [
    ("90s", .ago(seconds: 90)), ("10m", .ago(seconds: 600)), ("1h30m", .ago(seconds: 5400)),
    ("1.5h", .ago(seconds: 5400)), ("2d", .ago(seconds: 172_800)), ("1795000000", .time(1_795_000_000)),
    ("2026-11-20T22:30:00Z", .time(1_795_213_800)), ("2026-11-20T23:30:00.5+01:00", .time(1_795_213_800.5)),
    ("", nil), ("10", .time(10)), ("m", nil), ("10x", nil), ("10m5", nil), ("yesterday", nil), ("-5", nil),
  ]

  @Test(arguments: times)
  func `a time is one of the calendar or so long ago`(text: String, time: PastTime?) {
    #expect(PastTime(argument: text) == time)
  }

  @Test func `so long ago is counted from now`() {
    #expect(PastTime.ago(seconds: 60).seconds(now: 1_000_000_000_000) == 940)
    #expect(PastTime.ago(seconds: 5000).seconds(now: 1_000_000_000_000) == 0)
  }

  @Test func `secrets are all of standard input, or a line each`() throws {
    #expect(try SecretOptions.values(["A"], in: Array("one\ntwo\n".utf8)) == ["one\ntwo"])
    #expect(try SecretOptions.values(["A", "B"], in: Array("one\ntwo\n".utf8)) == ["one", "two"])
    #expect(throws: Failure.self) { try SecretOptions.values(["A", "B"], in: Array("one\n".utf8)) }
    #expect(throws: Failure.self) { try SecretOptions.values(["A"], in: []) }
    #expect(throws: Failure.self) { try SecretOptions.values(["A"], in: [0xFF]) }
  }

  @Test func `the short forms take apps, a workspace and a time`() throws {
    let up = try #require(try Berth.parseAsRoot(["up", "web", "api", "-w", "shop", "--wait", "5"]) as? UpCommand)
    #expect(up.selection.apps == ["web", "api"])
    #expect(up.selection.workspace == "shop")
    #expect(up.wait == 5)
    let logs = try #require(try Berth.parseAsRoot(["logs", "-f", "-n", "7"]) as? LogsCommand)
    #expect(logs.position.follow && logs.position.tail == 7 && logs.selection.apps.isEmpty)
    #expect(try Berth.parseAsRoot(["ports"]) is PortCommand.List)
    #expect(throws: (any Error).self) { try Berth.parseAsRoot(["down", "web", "--all"]) }
    #expect(throws: (any Error).self) { try Berth.parseAsRoot(["logs", "-n", "20000"]) }
    #expect(throws: (any Error).self) { try Berth.parseAsRoot(["app", "configure", "web"]) }
    #expect(throws: (any Error).self) { try Berth.parseAsRoot(["app", "install", "--ref", "main"]) }
  }

  @Test func `every command is named by its configuration`() {
    func check(_ command: any ParsableCommand.Type) {
      let configuration = command.configuration
      // A name that is made of the type's costs time at each start.
      #expect(configuration.commandName != nil, "\(command)")
      let grouped = configuration.groupedSubcommands.flatMap(\.subcommands)
      for subcommand in configuration.ungroupedSubcommands + grouped { check(subcommand) }
    }
    check(Berth.self)
  }

  static let statuses: [(ErrorType, berth.ExitStatus)] = [
    (.appNotFound, .notFound), (.manifestNotFound, .notFound), (.portNotFound, .notFound), (.appAmbiguous, .conflict),
    (.portTaken, .conflict), (.portInUse, .conflict), (.environmentMissing, .failed), (.manifestInvalid, .failed),
    (.setupFailed, .failed), (.stopFailed, .failed),
  ]

  @Test(arguments: statuses)
  func `errors of apps and ports say what to do`(type: ErrorType, status: berth.ExitStatus) {
    let failure = Failure(CallError(code: type.code, message: "m", data: ["type": .string(type.rawValue)]))
    #expect(failure.status == status)
    #expect(failure.hint?.contains("`berth ") == true)
  }
}

@Suite struct AppDisplayTests {
  let plain = Style(isOn: false)

  private func outcome(
    _ app: String, _ state: AppState, ok: Bool = false, message: String? = nil, lines: [String]? = nil
  ) -> AppOutcome {
    AppOutcome(id: "app_\(app)", app: app, ok: ok, state: state, message: message, ports: [], lines: lines)
  }

  @Test func `what does not run is told with why and its last lines`() {
    let web = outcome("web", .failed, message: "It ended with exit code 3.", lines: ["opening", "no such file"])
    #expect(web.notes == ["web failed: It ended with exit code 3.", "  | opening", "  | no such file"])
    #expect(outcome("api", .waiting).notes == ["api is waiting"])
    #expect([web].summary(of: 3, "run") == "1 of 3 apps does not run")
    #expect([web, web].summary(of: 2, "run") == "2 of 2 apps do not run")
    #expect([web].summary(of: 1, "run") == "web does not run")
    #expect([web].summary(of: 2, "stopped") == "1 of 2 apps is not stopped")
  }

  @Test func `each state is told once`() {
    var lines = StateLines()
    func line(_ state: AppState, _ reason: AppReason? = nil) -> String? {
      lines.line(
        AppSummary(
          id: "app_1", workspace: "ws_1", app: "web", name: "Web", state: state, desired: .running, reason: reason,
          since: "", version: 1), style: plain)
    }
    #expect(line(.waiting, .dependency) == "web               waiting  for what it depends on")
    #expect(line(.waiting, .dependency) == nil)
    #expect(line(.settingUp) == "web               setting up")
    #expect(line(.running, .requested) == "web               running")
  }

  @Test func `a port says who listens, and whether that is its app`() {
    func cell(_ holder: PortHolder?, leasedTo app: String?) -> Table.Cell {
      let lease = PortLease(port: 3000, name: "http", app: app, fixed: false, leasedAt: "")
      return PortOwnership(port: 3000, listening: holder != nil, holders: holder.map { [$0] } ?? [], lease: lease)
        .listener
    }
    let own = PortHolder(pid: 7, command: "serve", uid: 1000, app: "app_1")
    let other = PortHolder(uid: 0)
    #expect(cell(own, leasedTo: "app_1").text == "pid 7, serve")
    #expect(cell(own, leasedTo: nil).text == "pid 7, serve")
    #expect(cell(other, leasedTo: "app_1").text == "by another: uid 0")
    #expect(cell(nil, leasedTo: "app_1").text == "no")
  }

  @Test func `ports are a number, or numbers by name`() {
    #expect(["http": 3000].portWords == "3000")
    #expect(["metrics": 3001, "http": 3000].portWords == "http 3000, metrics 3001")
  }

  @Test func `colours of a program's output stay, and nothing else that acts on the terminal`() {
    let text = "\u{1B}[1;31mred\u{1B}[0m\u{1B}[2Kx\u{1B}]0;t\u{7}"
    #expect(
      DisplayText.coloured(text, keepsColours: true)
        == "\u{1B}[1;31mred\u{1B}[0m\u{FFFD}[2Kx\u{FFFD}]0;t\u{FFFD}\u{1B}[0m")
    #expect(DisplayText.coloured(text, keepsColours: false) == "red\u{FFFD}[2Kx\u{FFFD}]0;t\u{FFFD}")
    #expect(DisplayText.coloured("plain\t日本", keepsColours: true) == "plain 日本")
    #expect(DisplayText.coloured("\u{1B}", keepsColours: true) == "\u{FFFD}")
    #expect(DisplayText.coloured("\u{1B}[31", keepsColours: true) == "\u{FFFD}[31")
  }
}
