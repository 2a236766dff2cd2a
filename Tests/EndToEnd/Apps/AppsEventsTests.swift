import BerthClient
import BerthProtocol
import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsEventsTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `who follows events is told of each change of state, and nobody else`() throws {
    let (follower, other) = (try home.server.connect(), try home.server.connect())
    _ = try follower.request(StreamAttach.self, .init(stream: "events", tail: 0))
    try home.install("web", "ports: [http]\nstart: \(home.listener())")
    try home.start("web")
    try home.stop("web")
    var states: [String] = []
    var events: [String] = []
    while states.last != "stopped" || !events.contains("app.state stopped") {
      let notification = try #require(try follower.nextNotification(timeoutSeconds: 30))
      if notification.method == "app/stateChanged" {
        let app = notification.params["app"]
        #expect(notification.params["previous"]?.stringValue == states.last ?? "stopped")
        #expect(app?["app"] == "web" && app?["version"]?.intValue != nil)
        states.append(app?["state"]?.stringValue ?? "")
      }
      for event in notification.params["events"]?.arrayValue ?? [] {
        let state = event["payload"]?["state"]?.stringValue ?? ""
        events.append("\(event["type"]?.stringValue ?? "") \(state)")
      }
    }
    #expect(states == ["starting", "running", "stopping", "stopped"])
    #expect(events.filter { $0.hasPrefix("app.state") } == states.map { "app.state \($0)" })
    #expect(events.contains("app.installed stopped") && events.contains { $0.hasPrefix("port.leased") })
    _ = try other.request(ServerPing.self, .init())
    #expect(try other.nextNotification(timeoutSeconds: 0) == nil)
  }

  @Test func `versions count up, and lists tell what is`() throws {
    for name in ["a", "b", "c"] { try home.install(name, "start: exec sleep 1000") }
    try home.start("b")
    let running = try home.call(AppList.self, .init(workspace: home.workspace, states: [.running]))
    #expect(running.apps.map(\.app) == ["b"] && running.nextCursor == nil)
    let first = try home.call(AppList.self, .init(limit: 2))
    #expect(first.apps.map(\.app) == ["a", "b"])
    let second = try home.call(AppList.self, .init(limit: 2, cursor: first.nextCursor))
    #expect(second.apps.map(\.app) == ["c"] && second.nextCursor == nil)
    let before = try home.app("b").version
    try home.stop("b")
    #expect(try home.app("b").version > before)
    #expect(try home.call(AppList.self, .init(states: [.running])).apps == [])
    #expect(
      try home.failure(AppConfigure.self, .init(app: "b", env: ["A": "1"], ifVersion: before))?.type == .versionConflict
    )
  }
}
