import BerthClient
import BerthProtocol
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsDependencyTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `an app starts when what it depends on has come so far`() throws {
    // Each notes what it finds when it starts.
    try home.install("migrate", "restart: never\nstart: sleep 0.5; echo migrated >> ../order")
    try home.install(
      "base",
      "ports: [http]\ndepends_on: {migrate: completed}\nstart: echo base >> ../order; \(home.listener(delaySeconds: 0.3))"
    )
    try home.install("side", "depends_on: {migrate: completed}\nstart: exec sleep 1000")
    try home.install("top", "depends_on: {base: ready, side: started}\nstart: echo top >> ../order; exec sleep 1000")
    // Only the last is asked for.
    let outcome = try home.ensureRunning(["top"])
    #expect(outcome.ok && outcome.apps.map(\.app) == ["top"])
    #expect(try home.file("order") == "migrated\nbase\ntop\n")
    #expect(try home.app("base").state == .running && home.app("base").ports.first?.listening == true)
    #expect(try home.app("side").state == .running)
    let migrate = try home.app("migrate")
    #expect(migrate.state == .exited && migrate.lastExit?.code == 0)
    #expect(try home.app("top").dependsOn.map(\.app) == ["base", "side"])
  }

  @Test func `who depends on others is stopped first`() throws {
    for (name, dependencies) in [("base", ""), ("middle", "base"), ("top", "middle, base")] {
      try home.install(
        name,
        """
        depends_on: [\(dependencies)]
        start: exec sleep 1000
        stop: echo \(name) >> ../stopped; sleep 0.2; echo \(name) >> ../stopped
        """)
    }
    let started = try home.call(AppStartAll.self, .init(workspace: home.workspace, waitSeconds: 30))
    #expect(started.ok)
    let stopped = try home.call(AppStopAll.self, .init(workspace: home.workspace))
    #expect(stopped.ok && stopped.apps.allSatisfy { $0.state == .stopped })
    #expect(try home.file("stopped") == "top\ntop\nmiddle\nmiddle\nbase\nbase\n")
  }

  @Test func `apps that wait for each other are told so, and others start`() throws {
    try home.install("egg", "depends_on: [hen]\nstart: exec sleep 1000")
    try home.install("hen", "depends_on: [egg]\nstart: exec sleep 1000")
    try home.install("fox", "start: exec sleep 1000")
    let outcome = try home.ensureRunning()
    let rows = Dictionary(uniqueKeysWithValues: outcome.apps.map { ($0.app, $0) })
    #expect(!outcome.ok && rows["fox"]?.ok == true)
    for name in ["egg", "hen"] {
      #expect(rows[name]?.state == .failed && rows[name]?.reason == .dependencyFailed)
      #expect(rows[name]?.message?.contains("egg") == true && rows[name]?.message?.contains("hen") == true)
    }
    #expect(home.processes().count == 1)
    // Stopping all does not wait for ever either.
    #expect(try home.call(AppStopAll.self, .init()).ok)
  }

  @Test func `one whose dependency fails waits for it, and starts once that is mended`() throws {
    try home.install("base", "restart: never\nstart: exit 3")
    try home.install("top", "depends_on: [base]\nstart: exec sleep 1000")
    let row = try #require(try home.ensureRunning(["top"]).apps.first)
    #expect(row.state == .waiting && row.reason == .dependencyFailed && row.message?.contains("exit code 3") == true)
    try home.write("base", "start: exec sleep 1000")
    try home.start("base")
    try home.until("top", .running)
  }

  @Test func `a dependency that is not there is named`() throws {
    try home.install("top", "depends_on: [nothing]\nstart: exec sleep 1000")
    let app = try home.start("top")
    #expect(app.state == .failed && app.reason == .dependencyFailed && app.message?.contains("nothing") == true)
  }
}
