import BerthClient
import BerthProtocol
import Glibc
import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsPortTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  private func port(_ app: String) throws -> Int { try #require(try home.app(app).ports.first?.port) }

  @Test func `two workspaces never share a port, and each app keeps its own`() throws {
    let other = try home.call(WorkspaceCreate.self, .init(path: home.server.folder.path + "/other")).workspace.id
    for name in ["a", "b", "c"] { try home.install(name, "ports: [http]\nstart: \(home.listener())") }
    for name in ["d", "e"] {
      try home.server.folder.write(
        "other/\(name)/app.runtime.yaml", "app_id: \(name)\nports: [http]\nstart: \(home.listener())\n")
    }
    #expect(try home.ensureRunning().ok)
    #expect(try home.call(AppEnsureRunning.self, .init(workspace: other)).ok)
    let leases = try home.call(PortList.self, .init()).ports
    #expect(Set(leases.map(\.port)).count == 5 && leases.map(\.port) == leases.map(\.port).sorted())
    #expect(Set(leases.map(\.appName)) == ["a", "b", "c", "d", "e"])
    #expect(try Set(home.call(PortList.self, .init(workspace: other)).ports.map(\.appName)) == ["d", "e"])
    let before = try ["b", "c", "d", "e"].map(port)
    _ = try home.call(AppUninstall.self, .init(app: "a"))
    for name in ["b", "d"] {
      try home.stop(name)
      try home.start(name)
    }
    try home.crash()
    for name in ["b", "c", "d", "e"] { try home.until(name, .running) }
    #expect(try ["b", "c", "d", "e"].map(port) == before)
    // What is free again is leased again.
    try home.install("f", "ports: [http]\nstart: \(home.listener())")
    #expect(try home.start("f").state == .running)
    #expect(try !before.contains(port("f")))
  }

  @Test func `a lease moves only where somebody else really has the port`() throws {
    try home.install("web", "ports: [http]\nstart: \(home.listener())")
    try home.start("web")
    let before = try port("web")
    try home.stop("web")
    let thief = try ListeningSocket(port: before)
    let moved = try home.start("web")
    #expect(moved.state == .running && moved.ports.first?.listening == true)
    let after = try port("web")
    #expect(after != before)
    let event = try #require(
      try home.call(StreamRead.self, .init(stream: "events", types: ["port.moved"])).events.last)
    #expect(event.payload["from"]?.intValue == before && event.payload["to"]?["port"]?.intValue == after)
    #expect(event.payload["holder"]?.stringValue?.contains("\(getpid())") == true, "\(event)")
    withExtendedLifetime(thief) {}
    try home.call(AppRestart.self, .init(app: "web", waitSeconds: 30)).ports.forEach { #expect($0.port == after) }
  }

  @Test func `a port that must be this one fails with who has it`() throws {
    let thief = try ListeningSocket()
    try home.install("fixed", "ports: {http: \(thief.port)}\nstart: \(home.listener())")
    let app = try home.start("fixed")
    #expect(app.state == .failed && app.reason == .portTaken)
    #expect(app.message?.contains("\(thief.port)") == true && app.message?.contains("\(getpid())") == true)
    #expect(home.processes() == [])
    let owner = try home.call(PortWhoOwns.self, .init(port: thief.port))
    #expect(owner.listening && owner.holders.map(\.pid) == [Int(getpid())] && owner.holders.first?.app == nil)
  }

  @Test func `whose lease is in the way is told by name`() throws {
    try home.install("web", "ports: [http]\nstart: \(home.listener())")
    try home.start("web")
    let port = try port("web")
    try home.install("twin", "ports: {http: \(port)}\nstart: exec sleep 1000")
    let twin = try home.start("twin")
    #expect(twin.reason == .portTaken && twin.message?.contains("leased to the app `web` as “http”") == true)
    let path = home.server.folder.path + "/other"
    let other = try home.call(WorkspaceCreate.self, .init(path: path)).workspace
    let error = try home.failure(PortReserve.self, .init(name: "http", port: port))
    #expect(error?.message.contains("the app `web` of the workspace `") == true, "\(String(describing: error))")
    try home.server.folder.write(
      "other/far/app.runtime.yaml", "app_id: far\nports: {http: \(port)}\nstart: exec sleep 1000\n")
    let outcome = try home.call(AppEnsureRunning.self, .init(workspace: other.id))
    let message = outcome.apps.first?.message ?? ""
    #expect(message.contains("leased to the app `web` of the workspace `ws`"), "\(message)")
  }

  @Test func `who has a port is told, whoever it is`() throws {
    try home.install("web", "ports: [http]\nstart: (\(home.listener())) & wait")
    let app = try home.start("web")
    let port = try port("web")
    let own = try home.call(PortWhoOwns.self, .init(port: port))
    #expect(own.listening && own.holders.count == 1 && own.lease?.app == app.id)
    let holder = try #require(own.holders.first)
    #expect(holder.app == app.id && holder.appName == "web" && holder.workspace == home.workspace)
    #expect(home.processes(app).map(Int.init).contains(holder.pid ?? 0) && holder.uid == Int(getuid()))
    let resolved = try home.call(PortResolve.self, .init(app: "web"))
    #expect(resolved.port == port && resolved.listening && resolved.pid == holder.pid && !resolved.foreign)
    #expect(try home.failure(PortRelease.self, .init(port: port))?.type == .portInUse)
    try home.stop("web")
    let nobody = try home.call(PortWhoOwns.self, .init(port: port))
    #expect(!nobody.listening && nobody.holders == [] && nobody.lease?.appName == "web")
    let stranger = try ListeningSocket(port: port)
    let foreign = try home.call(PortResolve.self, .init(app: "web", name: "http"))
    #expect(foreign.listening && foreign.foreign && foreign.pid == Int(getpid()))
    withExtendedLifetime(stranger) {}
  }
}
