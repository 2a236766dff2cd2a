import BerthClient
import BerthProtocol
import Glibc
import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsSetupTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  private func setup(_ app: String, force: Bool = false) throws -> Job {
    try home.call(AppSetup.self, .init(app: app, force: force, waitSeconds: 30)).job
  }

  @Test func `its output comes while it runs`() throws {
    try home.install("live", "lifecycle: {setup: 'echo first; while [ ! -e go ]; do sleep 0.02; done; echo second'}")
    let job = try home.call(AppSetup.self, .init(app: "live")).job
    func output() throws -> [String] {
      try home.call(StreamRead.self, .init(stream: job.stream)).events.compactMap { event in
        event.type == EventType.jobOutput ? event.payload["message"]?.stringValue : nil
      }
    }
    try home.until("the first line") { try output() == ["first"] }
    #expect(try home.call(AppBuildStatus.self, .init(app: "live")).state == .running)
    try home.server.folder.write("ws/live/go", "now")
    #expect(try home.call(JobGet.self, .init(job: job.id, waitSeconds: 30)).state == .succeeded)
    #expect(try output() == ["first", "second"])
    let build = try home.call(AppBuildStatus.self, .init(app: "live"))
    #expect(build.state == .done && build.job == job.id && build.endedAt != nil)
  }

  @Test func `it is skipped until what it depends on has changed, or it is forced`() throws {
    try home.server.folder.write("ws/made/input.txt", "1")
    let manifest = "berth: {setup: {inputs: [input.txt]}}\nlifecycle: {setup: echo x >> runs, start: exec sleep 1000}"
    try home.install("made", manifest)
    #expect(try home.call(AppBuildStatus.self, .init(app: "made")).state == .needed)
    #expect(try setup("made").result?["skipped"] == false)
    #expect(try setup("made").result?["skipped"] == true)
    #expect(try home.start("made").state == .running)
    #expect(try home.file("made/runs") == "x\n")
    try home.server.folder.write("ws/made/input.txt", "22")
    #expect(try home.call(AppRestart.self, .init(app: "made", waitSeconds: 30)).state == .running)
    #expect(try home.file("made/runs") == "x\nx\n")
    try home.server.folder.write("ws/made/unrelated.txt", "2")
    #expect(try setup("made").result?["skipped"] == true)
    #expect(try setup("made", force: true).result?["skipped"] == false)
    #expect(try home.file("made/runs") == "x\nx\nx\n")
    try home.write("made", manifest.replacing("echo x", with: "echo y"))
    #expect(try setup("made").result?["skipped"] == false)
    try home.crash()
    #expect(try setup("made").result?["skipped"] == true)
  }

  @Test func `one that takes too long leaves no process`() throws {
    try home.install(
      "long",
      """
      berth: {setup: {timeout_s: 1}}
      lifecycle:
        setup: "trap '' TERM; (setsid sleep 1000 &); (trap '' TERM; while :; do sleep 0.1; done) & sleep 1000"
        start: exec sleep 1000
      """)
    let job = try setup("long")
    #expect(job.state == .failed && job.error?.type == "setup_timeout", "\(job)")
    #expect(home.processes() == [])
    let app = try home.start("long")
    #expect(app.state == .failed && app.reason == .setupTimeout && app.build.state == .failed)
    #expect(home.processes() == [])
  }

  @Test func `one that is cancelled leaves no process`() throws {
    try home.install("long", "lifecycle: {setup: touch began; (setsid sleep 1000 &); sleep 1000}")
    let job = try home.call(AppSetup.self, .init(app: "long")).job
    try home.until("the setup") { access(home.path + "/long/began", F_OK) == 0 }
    #expect(try home.call(JobCancel.self, .init(job: job.id)).state == .cancelled)
    try home.until("the end of its processes") { home.processes().isEmpty && home.shims().isEmpty }
    #expect(try home.call(AppBuildStatus.self, .init(app: "long")).state == .failed)
    #expect(try home.app("long").state == .stopped)
  }

  @Test func `one that fails keeps the app from starting, and says why`() throws {
    try home.install("bad", "lifecycle: {setup: echo no compiler; exit 5, start: touch ran}")
    let app = try home.start("bad")
    #expect(app.state == .failed && app.reason == .setupFailed && app.message?.contains("exit code 5") == true)
    #expect(app.build.state == .failed && app.build.message?.contains("5") == true)
    #expect(access(home.path + "/bad/ran", F_OK) != 0)
    try home.write("bad", "lifecycle: {setup: 'true', start: exec sleep 1000}")
    #expect(try home.start("bad").state == .running)
  }

  @Test func `what it leaves behind is ended with it`() throws {
    try home.install("messy", "lifecycle: {setup: (setsid sleep 1000 > /dev/null 2>&1 &); sleep 1000 & echo done}")
    #expect(try setup("messy").state == .succeeded)
    #expect(home.processes() == [])
  }

  @Test func `a server's death during a setup leaves nothing of it running twice`() throws {
    try home.install("cut", "lifecycle: {setup: touch began; exec sleep 1000}")
    let job = try home.call(AppSetup.self, .init(app: "cut")).job
    try home.until("the setup") { access(home.path + "/cut/began", F_OK) == 0 }
    try home.crash()
    try home.until("the end of its processes") { home.processes().isEmpty && home.shims().isEmpty }
    #expect(try home.call(JobGet.self, .init(job: job.id)).state == .interrupted)
    #expect(try home.call(AppBuildStatus.self, .init(app: "cut")).state == .needed)
  }
}
