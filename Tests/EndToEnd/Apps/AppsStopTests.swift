import BerthClient
import BerthProtocol
import Glibc
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsStopTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `stop gets exactly the environment that start had`() throws {
    let app = try home.install(
      "twice",
      """
      ports: [http, metrics]
      env: {MODE: "made ${GIVEN}"}
      lifecycle:
        setup: env > setup.env
        start: env > start.env; \(home.listener())
        stop: env > stop.env
      probes: {readiness: {tcp: http}}
      """, env: ["GIVEN": "plain"], secretEnv: ["HIDDEN": "not-to-be-seen"])
    #expect(try home.start("twice").state == .running)
    try home.stop("twice")
    // What a shell sets for itself, and the name of the tree.
    let own: Set<String> = ["PWD", "OLDPWD", "SHLVL", "_", "BERTH_PROCESS"]
    func environment(_ name: String) throws -> [String: String] {
      var values: [String: String] = [:]
      for line in try home.file("twice/\(name).env").split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, !own.contains(parts[0]) { values[parts[0]] = parts[1] }
      }
      return values
    }
    let start = try environment("start")
    #expect(try environment("stop") == start)
    #expect(try environment("setup") == start)
    #expect(start["MODE"] == "made plain" && start["HIDDEN"] == "not-to-be-seen" && start["BERTH_APP_ID"] == app.id)
    let ports = Dictionary(uniqueKeysWithValues: try home.app("twice").ports.map { ($0.name, "\($0.port)") })
    #expect(start["PORT"] == ports["http"] && start["HTTP_PORT"] == ports["http"])
    #expect(start["METRICS_PORT"] == ports["metrics"])
  }

  @Test func `a stop command with a port's default harms nobody else`() throws {
    // What such a command would find by its port, were PORT not set.
    let neighbour = try home.install("neighbour", "start: exec sleep 1000")
    #expect(try home.start("neighbour").state == .running)
    let pid = try #require(try home.app("neighbour").pid)
    try home.server.folder.write("ws/listeners/3000", "\(pid)")
    try home.install(
      "web",
      """
      ports: [http]
      start: echo $$ > ../listeners/$PORT; \(home.listener())
      stop: kill $(cat ../listeners/${PORT:-3000}) || true
      """)
    #expect(try home.start("web").state == .running)
    #expect(try home.stop("web").state == .stopped)
    #expect(home.processes(neighbour) == [Int32(pid)])
    #expect(try home.app("neighbour").pid == pid)
  }

  @Test func `a hostile tree is gone soon after its grace`() throws {
    let app = try home.install(
      "hostile",
      """
      stop: "trap '' TERM; sleep 1000"
      start: |
        trap '' TERM HUP INT
        (setsid sh -c 'trap "" TERM; (setsid sleep 1000 &) ; exec sleep 1000' &)
        for i in 1 2; do (trap '' TERM; while :; do (setsid sleep 100 &) ; sleep 0.02; done) & done
        nohup sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null 2>&1 &
        while :; do sleep 0.1; done
      """)
    #expect(try home.start("hostile").state == .running)
    try home.until("many processes") { home.processes(app).count > 20 }
    let began = Timestamp.monotonicNanoseconds()
    #expect(try home.stop("hostile", graceSeconds: 1).state == .stopped)
    let seconds = Double(Timestamp.monotonicNanoseconds() - began) / 1e9
    #expect(home.processes() == [])
    // A busy machine may take a while to answer; the bench looks at the time more closely.
    #expect(seconds >= 1 && seconds < 4, "\(seconds) s")
  }

  @Test func `daemons that their shell leaves behind are the app, and are stopped`() throws {
    let app = try home.install(
      "daemons",
      "start: MODE=a nohup sleep 1000 > /dev/null 2>&1 & MODE=b nohup sleep 1001 > /dev/null 2>&1 &")
    #expect(try home.start("daemons").state == .running)
    try home.until("daemons", "the shell's end") { $0.pid == nil }
    #expect(try home.app("daemons").state == .running)
    #expect(home.processes(app).count == 2)
    #expect(try home.stop("daemons").state == .stopped)
    #expect(home.processes() == [])
    try home.until("the shim's end") { home.shims().isEmpty }
  }

  @Test func `an app that has no stop command ends within its grace, as it likes`() throws {
    try home.install(
      "polite",
      """
      stop_signal: INT
      start: "trap 'echo bye; exit 4' INT; echo up; while :; do sleep 0.02; done"
      """)
    try home.start("polite")
    try home.until("its first line") { try home.lines("polite") == ["up"] }
    let stopped = try home.stop("polite")
    #expect(stopped.state == .stopped && stopped.desired == .stopped && stopped.lastExit?.code == 4)
    #expect(try home.lines("polite") == ["up", "bye"])
    #expect(try home.stop("polite").state == .stopped)
  }

  @Test func `what is on its way up is stopped too`() throws {
    try home.install("slow", "lifecycle: {setup: touch began; exec sleep 1000, start: exec sleep 1000}")
    _ = try home.call(AppStart.self, .init(app: "slow"))
    try home.until("the setup") { access(home.path + "/slow/began", F_OK) == 0 }
    #expect(try home.stop("slow").state == .stopped)
    try home.until("the end of its setup") { home.processes().isEmpty }
    try home.install("looping", "restart: {policy: always, backoff: {initial_s: 600, max_s: 600}}\nstart: exit 1")
    _ = try home.call(AppStart.self, .init(app: "looping"))
    try home.until("looping", .backoff)
    #expect(try home.stop("looping").state == .stopped)
    #expect(try home.app("looping").nextTryAt == nil)
  }
}
