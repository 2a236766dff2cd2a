import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsSecretsTests {
  @Test func `a secret reaches its app, and nobody else ever sees it`() throws {
    let home = try AppHome()
    let secret = "hush-\(Identifier.make("key"))"
    let second = "mum-\(Identifier.make("key"))"
    try home.server.folder.write("expected", secret)
    try home.install(
      "keeper",
      """
      secrets: [TOKEN]
      env: {URL: "http://user:${TOKEN}@host/"}
      lifecycle:
        setup: echo setup $TOKEN
        start: echo $URL; echo $LATER >&2; test "$TOKEN" = "$(cat ../../expected)" && touch right; exec sleep 1000
        stop: echo stop $TOKEN
      probes: {readiness: {exec: "echo $TOKEN; test -e right"}}
      """, secretEnv: ["TOKEN": secret])
    let configured = try home.call(AppConfigure.self, .init(app: "keeper", secretEnv: ["LATER": .string(second)]))
    #expect(configured.secretEnv == ["LATER", "TOKEN"] && configured.env == [:])
    let setup = try home.call(AppSetup.self, .init(app: "keeper", waitSeconds: 30)).job
    #expect(try home.start("keeper").state == .running)
    try home.until("two lines") { try home.lines("keeper").count == 2 }
    #expect(try Set(home.lines("keeper")) == ["http://user:***@host/", "***"])
    let failed = try home.failure(AppConfigure.self, .init(app: "keeper", secretEnv: ["BAD": 1]))
    #expect(failed?.type == .invalidArgument)
    try home.stop("keeper")

    var told = ""
    for (method, params) in [
      ("app/get", ["app": "keeper"]), ("app/list", [:]), ("app/logs", ["app": "keeper"]),
      ("stream/read", ["stream": "events", "limit": 1000]), ("stream/read", ["stream": .string(setup.stream)]),
      ("app/validateManifest", ["workspace": .string(home.workspace), "path": "keeper"]), ("job/list", [:]),
      ("app/buildStatus", ["app": "keeper"]),
    ] as [(String, JSONValue)] {
      told += try home.client.call(method, params: params).jsonString
    }
    told += home.server.log
    _ = try home.call(
      WorkspaceExport.self, .init(workspace: home.workspace, path: home.server.folder.path + "/x.zip", waitSeconds: 30))
    #expect(home.server.terminate() == 0)
    // The bytes of all that is kept, the database with its log of writes above all.
    try home.server.folder.shell("mkdir x; cd x; unzip -q ../x.zip; test -e keeper/app.runtime.yaml")
    for word in [secret, second] {
      #expect(!told.contains(word))
      let found = try home.server.folder.shell("grep -rlaF -- '\(word)' home x || true")
      #expect(found == "")
    }
    #expect(told.contains("TOKEN"))
  }

  @Test func `secrets last over a new server, and one that is taken away is gone`() throws {
    let home = try AppHome()
    try home.install(
      "keeper", "restart: never\nsecrets: [TOKEN]\nstart: test \"$TOKEN\" = deep-secret",
      secretEnv: ["TOKEN": "deep-secret"])
    #expect(try home.start("keeper").state == .exited)
    try home.crash()
    #expect(try home.call(AppRestart.self, .init(app: "keeper", waitSeconds: 30)).lastExit?.code == 0)
    let app = try home.call(AppConfigure.self, .init(app: "keeper", secretEnv: ["TOKEN": .null]))
    #expect(app.secretEnv == [])
    #expect(try home.start("keeper").reason == .environmentMissing)
  }
}
