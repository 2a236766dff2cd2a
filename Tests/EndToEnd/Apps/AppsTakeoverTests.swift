import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// The server dies, and the apps go on.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AppsTakeoverTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `apps outlive the server, and the next one takes them over`() throws {
    try home.write("web", "ports: [http]\nstart: \(home.listener())")
    try home.write("plain", "start: exec sleep 1000")
    try home.write("daemon", "start: nohup sleep 1000 > /dev/null 2>&1 &")
    #expect(try home.ensureRunning().ok)
    let names = ["web", "plain", "daemon"]
    try home.until("daemon", "the shell's end") { $0.pid == nil }
    let before = try names.map { try home.app($0) }
    let processes = before.map { home.processes($0) }
    try home.crash {
      #expect(before.map { home.processes($0) } == processes)
    }
    for (app, processes) in zip(before, processes) {
      let now = try home.until(app.app, .running)
      #expect(now.pid == app.pid && now.ports == app.ports && now.restarts == 0, "\(now)")
      #expect(now.startedAt?.prefix(19) == app.startedAt?.prefix(19))
      #expect(home.processes(app) == processes)
    }
    #expect(try home.ensureRunning().ok)
    let stopped = try home.call(AppStopAll.self, .init())
    #expect(stopped.ok && home.processes() == [])
  }

  @Test func `no line is lost or doubled while servers come and go`() throws {
    try home.install("counter", "start: 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.003; done'")
    let stream = try home.start("counter").stream
    var received: [Int] = []
    var last: String?
    for round in 1...4 {
      let follower = try home.server.connect()
      _ = try follower.request(StreamAttach.self, .init(stream: stream, after: last))
      // Killed while lines are coming, which go on in between.
      while received.count < round * 100 {
        let notification = try #require(try follower.nextNotification(timeoutSeconds: 30))
        #expect(notification.method == "stream/event")
        for event in notification.params["events"]?.arrayValue ?? [] {
          received.append(Int(event["payload"]?["text"]?.stringValue?.dropFirst(5) ?? "") ?? -1)
          last = event["cursor"]?.stringValue
        }
      }
      try home.crash()
    }
    #expect(received == Array(0..<received.count))
    try home.until("counter", .running)
    try home.stop("counter")
    let all = try home.lines("counter", tail: 10_000)
    #expect(all == (0..<all.count).map { "line \($0)" } && all.count >= received.count)
  }

  @Test func `how an app ended while no server was there is known`() throws {
    try home.install("brief", "restart: never\nstart: while [ ! -e go ]; do sleep 0.02; done; echo last words; exit 7")
    let app = try home.start("brief")
    try home.crash {
      try home.server.folder.write("ws/brief/go", "now")
      try home.until("its end") { home.processes(app).isEmpty && home.shims().isEmpty }
    }
    let ended = try home.until("brief", .failed)
    #expect(ended.reason == .exited && ended.lastExit?.code == 7 && ended.lastExit?.lines == ["last words"])
    #expect(try home.lines("brief") == ["last words"])
  }

  @Test func `an app that was killed with its shim is started anew, once`() throws {
    try home.install(
      "held", "restart: {policy: always, backoff: {initial_s: 0.1}}\nstart: sleep 1000 & exec sleep 1001")
    let before = try home.start("held")
    let old = home.processes(before)
    try home.crash {
      // Its processes go on without it.
      for shim in home.shims() { kill(shim, SIGKILL) }
      #expect(Set(home.processes(before)) == Set(old) && old.count == 2)
    }
    let now = try home.until("held") { $0.state == .running && $0.pid != before.pid }
    try home.until("two processes") { home.processes(now).count == 2 }
    #expect(Set(home.processes(now)).isDisjoint(with: old))
  }

  @Test func `a shim that is killed under a living server takes its tree with it`() throws {
    try home.install(
      "held", "restart: {policy: always, backoff: {initial_s: 0.1}}\nstart: sleep 1000 & exec sleep 1001")
    let before = try home.start("held")
    let old = home.processes(before)
    for shim in home.shims() { kill(shim, SIGKILL) }
    let now = try home.until("held") { $0.state == .running && $0.restarts == 1 }
    try home.until("two processes") { home.processes(now).count == 2 }
    #expect(Set(home.processes(now)).isDisjoint(with: old))
  }

  @Test func `whenever the server is killed, no app is lost or doubled`() throws {
    let names = (0..<10).map { "app\($0)" }
    for name in names { try home.write(name, "stop_grace_s: 1\nstart: echo up; exec sleep 1000") }
    #expect(try home.ensureRunning().ok)
    for round in 0..<20 {
      // Some are just being started anew when it happens.
      for name in names.shuffled().prefix(round % 4) {
        _ = try home.client.begin(AppRestart.description.name, params: AppRestart.Params(app: name))
      }
      let other = try home.server.connect()
      for _ in 0..<Int.random(in: 1..<60) { _ = try other.request(ServerPing.self, .init()) }
      try home.crash()
      #expect(try home.ensureRunning().ok, "round \(round)")
      for name in names {
        let app = try home.app(name)
        #expect(app.state == .running && home.processes(app).map(Int.init) == [app.pid], "round \(round): \(app)")
      }
    }
  }
}
