import BerthClient
import BerthProtocol
import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsEnsureRunningTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `a whole workspace is brought up from its folders, app by app, and once`() throws {
    try home.write("web", "ports: [http]\nstart: \(home.listener())")
    try home.server.folder.write("ws/deep/worker/app.runtime.yaml", "app_id: worker\nstart: exec sleep 1000\n")
    let first = try home.ensureRunning()
    #expect(first.ok && first.apps.count == 2, "\(first)")
    let web = try #require(first.apps.first { $0.app == "web" })
    let port = try #require(web.ports.first)
    #expect(port.listening && port.url == "http://127.0.0.1:\(port.port)/" && port.env.contains("PORT"))
    let pids = try ["web", "worker"].map { try home.app($0).pid }
    #expect(pids.allSatisfy { $0 != nil })
    #expect(try home.ensureRunning().ok)
    #expect(try ["web", "worker"].map { try home.app($0).pid } == pids)
    let one = try home.call(AppEnsureRunning.self, .init(apps: ["web"]))
    #expect(one.ok && one.apps.map(\.app) == ["web"])
  }

  @Test func `apps are found however deep they lie, but for what others have put there`() throws {
    func write(_ folder: String, _ app: String) throws {
      try home.server.folder.write("ws/\(folder)/app.runtime.yaml", "app_id: \(app)\nstart: exec sleep 1000\n")
    }
    try write("a/b/c/d/e/f", "deep")
    for folder in ["a/node_modules/x", "vendor/x", "a/b/third_party/x", ".git/x", "a/.cache/x/y", "ignored/x"] {
      try write(folder, "foreign")
    }
    try home.server.folder.write("ws/.gitignore", "ignored/\n")
    let outcome = try home.ensureRunning()
    #expect(outcome.ok && outcome.apps.map(\.app) == ["deep"], "\(outcome)")
    #expect(try home.app("deep").folder == "a/b/c/d/e/f")
  }

  @Test func `a hundred calls at once make one start`() throws {
    try home.install(
      "one", "lifecycle: {setup: echo setup >> done, start: 'echo start >> done; exec sleep 1000'}")
    let clients = try (0..<10).map { _ in try home.server.connect() }
    let params = AppEnsureRunning.Params(workspace: home.workspace, waitSeconds: 30)
    let calls = try clients.map { client in
      try (0..<10).map { _ in try client.begin(AppEnsureRunning.description.name, params: params) }
    }
    for (client, ids) in zip(clients, calls) {
      for id in ids { #expect(try client.result(of: id, as: AppEnsureRunning.self).ok) }
    }
    #expect(try home.file("one/done") == "setup\nstart\n")
    #expect(home.processes().count == 1)
  }

  @Test func `an app that fails leaves the others be, and tells its last lines`() throws {
    try home.install("bad", "restart: never\nstart: 'echo first; echo second >&2; exit 3'")
    try home.install("good", "start: exec sleep 1000")
    try home.server.folder.write("ws/broken/app.runtime.yaml", "app_id: [\n")
    let outcome = try home.ensureRunning()
    #expect(!outcome.ok && outcome.apps.count == 3)
    let rows = Dictionary(uniqueKeysWithValues: outcome.apps.map { ($0.app, $0) })
    #expect(rows["good"]?.ok == true && rows["good"]?.state == .running && rows["good"]?.lines == nil)
    let bad = try #require(rows["bad"])
    #expect(!bad.ok && bad.state == .failed && bad.reason == .exited && bad.message?.contains("3") == true)
    #expect(bad.lines.map(Set.init) == ["first", "second"])
    #expect(
      rows["broken"]?.reason == .manifestInvalid && rows["broken"]?.message?.contains("app.runtime.yaml:") == true)
  }

  @Test func `all that is missing is told at once, before anything runs`() throws {
    try home.install(
      "needy",
      """
      env_contract: [FIRST_NAME, SECOND_NAME, GIVEN_NAME]
      secrets: [THIRD_NAME]
      lifecycle: {setup: touch ran, start: touch ran; exec sleep 1000}
      """, env: ["GIVEN_NAME": "x"])
    let row = try #require(try home.ensureRunning().apps.first)
    #expect(row.state == .failed && row.reason == .environmentMissing)
    for name in ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME"] { #expect(row.message?.contains(name) == true) }
    #expect(row.message?.contains("GIVEN_NAME") == false)
    let error = try home.failure(AppSetup.self, .init(app: "needy"))
    #expect(error?.type == .environmentMissing)
    #expect(error?.data?["names"] == ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME"])
    let read = try home.call(AppValidateManifest.self, .init(workspace: home.workspace, path: "needy"))
    #expect(read.valid && read.missing == ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME"])
    #expect(try home.server.folder.read("ws/needy/ran") == nil)

    _ = try home.call(
      AppConfigure.self,
      .init(app: "needy", env: ["FIRST_NAME": "1", "SECOND_NAME": "2"], secretEnv: ["THIRD_NAME": "hidden"]))
    #expect(try home.ensureRunning().ok)
  }

  @Test func `an archived workspace runs nothing`() throws {
    try home.install("idle", "start: exec sleep 1000")
    _ = try home.call(WorkspaceUpdate.self, .init(workspace: home.workspace, state: .archived))
    #expect(
      try home.failure(AppEnsureRunning.self, .init(workspace: home.workspace))?.type == .workspaceArchived)
    #expect(try home.failure(AppStart.self, .init(app: "idle"))?.type == .workspaceArchived)
    #expect(try home.failure(AppStartAll.self, .init(workspace: home.workspace))?.type == .workspaceArchived)
    _ = try home.call(WorkspaceUpdate.self, .init(workspace: home.workspace, state: .active))
    #expect(try home.start("idle").state == .running)
  }
}
