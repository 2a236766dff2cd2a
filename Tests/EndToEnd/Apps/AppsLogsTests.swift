import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsLogsTests {
  @Test func `what is written to either output is told apart, and found by number and time`() throws {
    let home = try AppHome()
    try home.install(
      "two",
      """
      restart: never
      start: |
        for i in 1 2 3; do echo out $i; echo err $i >&2; done
        while [ ! -e go ]; do sleep 0.02; done
        printf 'late\\nwithout an end'
      """)
    try home.start("two")
    try home.until("six lines") { try home.lines("two").count == 6 }
    let all = try home.call(AppLogs.self, .init(app: "two"))
    func texts(_ source: String) -> [String] {
      all.lines.filter { $0.payload["source"]?.stringValue == source }.compactMap { $0.payload["text"]?.stringValue }
    }
    #expect(texts("stdout") == ["out 1", "out 2", "out 3"] && texts("stderr") == ["err 1", "err 2", "err 3"])
    #expect(all.lines.allSatisfy { $0.type == "app.output" } && all.next == all.lines.last?.cursor)
    #expect(try home.call(AppLogs.self, .init(app: "two", tail: 2)).lines == Array(all.lines.suffix(2)))
    let since = Double(Timestamp.nanosecondsNow()) / 1e9
    try home.server.folder.write("ws/two/go", "now")
    try home.until("two") { $0.state == .exited }
    let late = try home.call(AppLogs.self, .init(app: "two", tail: 100, since: since))
    #expect(late.lines.compactMap { $0.payload["text"]?.stringValue } == ["late", "without an end"])
    // The last of the past is where what comes begins.
    let rest = try home.call(StreamRead.self, .init(stream: all.stream, after: all.next))
    #expect(rest.events == late.lines)
    #expect(try home.failure(AppLogs.self, .init(app: "two", tail: 10_001))?.type == .invalidParams)
  }

  @Test func `an app finds the same around it, with and without a shell before it`() throws {
    let home = try AppHome()
    for (app, command) in [("plain", "exec env"), ("shell", "exec env;")] {
      try home.install(app, "restart: never\nenv: {PWD: elsewhere}\nstart: \(command)")
      _ = try home.start(app)
      try home.until(app) { $0.state == .exited }
    }
    func environment(_ app: String) throws -> [String: String] {
      let pairs = try home.lines(app).map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
      return Dictionary(pairs.map { ($0[0], $0.count == 2 ? $0[1] : "") }) { $1 }
    }
    let (plain, shell) = (try environment("plain"), try environment("shell"))
    #expect(plain["PWD"] == home.path + "/plain" && shell["PWD"] == home.path + "/shell")
    #expect(Set(plain.keys) == Set(shell.keys).subtracting(["_", "OLDPWD", "SHLVL"]))
  }

  @Test func `a follower goes on over rotation, a new start and a new server`() throws {
    let home = try AppHome(apps: ["logBytes": 65536, "logFiles": 1000])
    try home.install(
      "talker",
      """
      start: |
        while [ -e talk ]; do
          i=$(cat next); end=$((i+400))
          while [ $i -lt $end ]; do echo "line $i ${PADDING}"; i=$((i+1)); done
          echo $i > next; sleep 0.02
        done
        echo $(cat next) > done; exec sleep 1000
      env: {PADDING: \(String(repeating: "x", count: 200))}
      """)
    try home.server.folder.write("ws/talker/next", "0\n")
    try home.server.folder.write("ws/talker/talk", "yes")
    let stream = try home.app("talker").stream
    var received: [Int] = []
    var last: String?
    func take(from client: Client, until count: Int) throws {
      while received.count < count {
        let notification = try #require(try client.nextNotification(timeoutSeconds: 30))
        #expect(notification.method == "stream/event")
        for event in notification.params["events"]?.arrayValue ?? [] {
          let words = event["payload"]?["text"]?.stringValue?.split(separator: " ") ?? []
          received.append(words.count == 3 ? Int(words[1]) ?? -1 : -1)
          last = event["cursor"]?.stringValue
        }
      }
    }
    var follower = try home.server.connect()
    let page = try follower.request(AppLogs.self, .init(app: "talker", follow: true))
    #expect(page.lines == [] && page.stream == stream && page.attachment != nil)
    try home.start("talker")
    try take(from: follower, until: 1000)
    _ = try home.call(AppRestart.self, .init(app: "talker", waitSeconds: 30))
    // A batch that the restart cut short is begun again: from here on every number comes once more at most.
    try take(from: follower, until: 2000)
    try home.crash()
    follower = try home.server.connect()
    _ = try follower.request(StreamAttach.self, .init(stream: stream, after: last))
    try take(from: follower, until: 3000)
    _ = try home.server.folder.shell("rm ws/talker/talk")
    let total = try #require(Int(try home.file("talker/done").dropLast()))
    while received.last != total - 1 { try take(from: follower, until: received.count + 1) }
    // Backwards it goes once at most, at the restart.
    let steps = zip(received, received.dropFirst())
    #expect(received.first == 0 && steps.count { $1 != $0 + 1 } <= 1)
    #expect(steps.allSatisfy { $1 <= $0 + 1 } && Set(received) == Set(0..<total))
  }

  @Test func `an endless line and a flood leave the server small, and old files go`() throws {
    let home = try AppHome(apps: ["logBytes": 65536, "logFiles": 3])
    try home.install(
      "flood",
      "restart: never\nstart: 'head -c 3000000 /dev/zero | tr \"\\0\" x; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done'"
    )
    try home.start("flood")
    let app = try home.until("flood", .exited)
    let lines = try home.lines("flood", tail: 10_000)
    #expect(lines.last == "line 19999" && app.lastExit?.lines?.last == "line 19999")
    let kept = try home.server.folder.shell("cat home/apps/\(app.id)/log/*.log | wc -c")
    #expect(Int(kept.filter(\.isNumber)) ?? 0 < 4 * 65536)
    // Who asks for what is gone is told so.
    let read = try home.call(StreamRead.self, .init(stream: app.stream))
    #expect(read.gap != nil || !read.events.isEmpty)
  }
}
