import Testing

@testable import Apps

/// What Berth adds to the file.
@Suite struct BerthFieldsTests {
  @Test(arguments: Fixture.all("berth"))
  func examplesHaveNoFindings(fixture: Fixture) throws {
    let reading = try fixture.read()
    #expect(reading.findings.isEmpty, "\(reading.rendered(file: fixture.name))")
  }

  @Test func everythingIsRead() throws {
    let app = try Fixture.berth("everything.yaml").manifest()
    #expect(app.setup == ManifestSetup(command: "make", inputs: ["Makefile", "src/**"], timeoutSeconds: 600))
    #expect(app.start.timeoutSeconds == 45)
    #expect(app.stop.signal == ManifestSignal(name: "SIGINT", number: 2))
    #expect(app.stop.graceSeconds == 2.5)
    #expect(app.ports.map(\.name) == ["http", "metrics", "db-socket", "mcp"])
    #expect(app.ports.map(\.number) == [.preferred(3000), .any, .fixed(5544), .preferred(3400)])
    #expect(
      app.ports.map(\.environmentNames)
        == [["PORT", "HTTP_PORT"], ["PROM_PORT", "METRICS_PORT"], ["DB_SOCKET_PORT"], ["MCP_PORT"]])
    #expect(app.mainPort?.name == "http")
    #expect(app.dependencies.map(\.app) == ["database", "migrate", "cache"])
    #expect(app.dependencies.map(\.condition) == [.ready, .completed, .ready])
    #expect(
      app.restart
        == ManifestRestart(
          policy: .onFailure, initialBackoffSeconds: 0.5, maximumBackoffSeconds: 30, stableSeconds: 10,
          maximumRestarts: 8, crashLoopSeconds: 120))
    #expect(app.probes.startup.map(\.check) == [.log(LogPattern("listening on *:"))])
    #expect(app.probes.startup.first?.failureThreshold == 60)
    #expect(app.probes.readiness.count == 3)
    #expect(app.probes.readiness.last?.check == .notify)
    #expect(app.probes.liveness.map(\.check) == [.exec(command: "test \"$(cat state)\" = up")])
    #expect(
      app.limits
        == ManifestLimits(
          openFiles: .value(4096), processes: .unlimited, memory: .value(2 << 30), cpuSeconds: .value(3600),
          fileSize: .value(3 << 29), coreSize: .value(0), memoryMaximum: .value(512 << 20), cpuMaximum: 1.5))
    #expect(app.nice == 5)
    #expect(app.secrets == ["TOKEN"])
  }

  @Test func bothPlacesMeanTheSame() throws {
    let fields = "restart: never\nports: [web]\nnice: 3\nenv: {A: '${B}'}\nlimits: {memory: 1M}\n"
    let nested = "berth:\n" + fields.split(separator: "\n").map { "  \($0)\n" }.joined()
    let plain = try #require(manifest(fields).manifest)
    let under = try #require(manifest(nested).manifest)
    #expect(plain.ports == under.ports)
    #expect(plain.restart == under.restart)
    #expect(plain.limits == under.limits)
    #expect(plain.nice == under.nice)
    #expect(plain.environment.map(\.name) == under.environment.map(\.name))
  }

  @Test func probesOfBerthStandAboveHealthchecks() throws {
    let app = try Fixture.berth("under-berth.yaml").manifest()
    guard case .http(let http) = try #require(app.probes.readiness.first).check else {
      Issue.record("not http")
      return
    }
    #expect(app.probes.readiness.count == 1)
    #expect(http.path.literal == "/new")
    #expect(http.port == "web")
    #expect(app.probes.liveness.map(\.check) == [.tcp(port: "admin")])
    #expect(app.start.timeoutSeconds == 5)
    #expect(app.ports.map(\.environmentNames) == [["PORT", "WEB_PORT"], ["ADMIN_PORT"]])
    #expect(app.stop.graceSeconds == 0)
  }

  @Test func shortFormsAreRead() throws {
    let short = try Fixture.berth("short.yaml").manifest()
    #expect(short.setup.command == "make")
    #expect(short.ports.map(\.number) == [.fixed(8080)])
    #expect(short.probes.liveness.map(\.check) == [.tcp(port: "http")])
    let full = try Fixture.berth("full.json").manifest()
    #expect(full.ports.map(\.environmentNames) == [["PORT", "HTTP_PORT"], ["TOOL_PORT", "MCP_PORT"]])
    #expect(full.dependencies == [ManifestDependency(app: "a", condition: .started)])
  }

  @Test func whatIsNotSaidHasDefaults() throws {
    let app = try #require(manifest("").manifest)
    #expect(app.restart.policy == .always)
    #expect(app.stop.signal.name == "SIGTERM")
    #expect(app.stop.graceSeconds == 10)
    #expect(app.start.timeoutSeconds == 60)
    #expect(app.limits.openFiles == nil)
  }

  @Test(arguments: [
    ("listening on *:", "2026 listening on http://0.0.0.0:80", true), ("listening on *:", "listening on socket", false),
    ("ready", "Not ready yet", true), ("ready", "READY", false), ("a*b*c", "xaybzc", true), ("a*b*c", "acb", false),
    ("5\\*", "5*", true), ("5\\*", "5x", false), ("\\d", "\\d", true), ("*", "", true), ("a\\", "a\\", true),
  ])
  func aLogPatternIsTextWithStars(pattern: String, line: String, expected: Bool) {
    #expect(LogPattern(pattern).matches(Array(line.utf8)) == expected)
  }

  @Test(arguments: [
    ("lifecyle", "lifecycle"), ("dependsOn", "depends_on"), ("stopGraceSeconds", "stop_grace_s"),
    ("env-contract", "env_contract"), ("limts", "limits"), ("AppID", "app_id"), ("healthcheck", "healthchecks"),
    ("banana", nil), ("x", nil), ("", nil),
  ])
  func theLikelyKeyIsFound(written: String, meant: String?) {
    let keys = ["lifecycle", "depends_on", "stop_grace_s", "env_contract", "limits", "app_id", "healthchecks", "name"]
    #expect(LikelyWord.find(for: written, among: keys) == meant)
  }
}
