import BerthClient
import BerthProtocol
import GRDB
import Glibc
import Platform
import TestSupport
import Testing

/// What is wanted of an app lasts until a call changes it.
@Suite(.timeLimit(.minutes(5))) struct AppsDesiredStateTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `a user's stop is never undone`() throws {
    try home.install("off", "restart: {policy: always, backoff: {initial_s: 0.05}}\nstart: exec sleep 1000")
    try home.install("on", "restart: {policy: always, backoff: {initial_s: 0.05}}\nstart: exec sleep 1000")
    let off = try home.start("off")
    var on = try home.start("on")
    try home.stop("off")
    for _ in 0..<3 {
      // Whatever brings the one back has been at work when it is back.
      for process in home.processes(on) { kill(process, SIGKILL) }
      let before = on.pid
      on = try home.until("on") { $0.state == .running && $0.pid != before }
      #expect(try home.app("off").state == .stopped && home.processes(off) == [])
      try home.crash()
      on = try home.until("on", .running)
      let app = try home.app("off")
      #expect(app.state == .stopped && app.desired == .stopped && home.processes(off) == [])
    }
  }

  @Test func `what is wanted and died meanwhile runs again`() throws {
    try home.install("wanted", "restart: {policy: always, backoff: {initial_s: 0.1}}\nstart: exec sleep 1000")
    let before = try home.start("wanted")
    try home.crash {
      for process in home.processes(before) { kill(process, SIGKILL) }
      try home.until("the shim's end") { home.shims().isEmpty }
    }
    let now = try home.until("wanted") { $0.state == .running && $0.pid != before.pid }
    #expect(now.desired == .running && now.lastExit?.signal == "SIGKILL")
    #expect(home.processes(now).count == 1)
  }

  @Test func `a stop that the server's death cut short is carried out by the next`() throws {
    try home.install(
      "stubborn", "stop_grace_s: 2\nstart: trap '' TERM; echo up; while :; do sleep 0.05; done")
    let app = try home.start("stubborn")
    try home.until("its first line") { try home.lines("stubborn") == ["up"] }
    _ = try home.client.begin(AppStop.description.name, params: AppStop.Params(app: app.id))
    let other = try home.server.connect()
    try home.until("the stop") { try other.request(AppGet.self, .init(app: app.id)).desired == .stopped }
    try home.crash()
    try home.until("stubborn", .stopped)
    #expect(home.processes() == [])
  }

  @Test func `a start that the server's death cut short is carried out by the next`() throws {
    try home.install(
      "late", "lifecycle: {setup: touch began; until test -e go; do sleep 0.02; done, start: exec sleep 1000}")
    _ = try home.call(AppStart.self, .init(app: "late"))
    try home.until("the setup") { access(home.path + "/late/began", F_OK) == 0 }
    try home.crash()
    try home.server.folder.write("ws/late/go", "now")
    let app = try home.until("late", .running)
    #expect(home.processes(app).map(Int.init) == [app.pid])
  }

  @Test func `after a new start of the machine, what was wanted begins again, in its order`() throws {
    try home.install("base", "restart: never\nstart: echo base >> ../order; exec sleep 1000")
    try home.install("once", "restart: on-failure\nstart: echo once >> ../order")
    try home.install("top", "depends_on: {base: ready, once: completed}\nstart: echo top >> ../order; exec sleep 1000")
    try home.install("off", "start: exec sleep 1000")
    #expect(try home.start("top").state == .running && home.start("off").state == .running)
    try home.stop("off")
    try home.crash {
      // The machine's end takes shims and apps alike, and none of them has a word to say.
      for process in home.shims() + home.processes() { kill(process, SIGKILL) }
      try home.until("the end of all") { home.processes().isEmpty && home.shims().isEmpty }
      let database = try DatabaseQueue(path: home.server.home.database)
      try database.write { try $0.execute(sql: "UPDATE apps SET boot = 'another'") }
      unlink(home.path + "/order")
    }
    try home.until("top", .running)
    let order = try home.file("order").split(separator: "\n")
    #expect(Set(order) == ["base", "once", "top"] && order.last == "top" && order.count == 3)
    #expect(try home.app("off").state == .stopped && home.processes().count == 2)
  }

  @Test func `one that ended well stays ended, also for the next server`() throws {
    try home.install("once", "restart: on-failure\nstart: echo x >> runs")
    #expect(try home.start("once").state == .exited)
    try home.crash()
    #expect(try home.until("once", .exited).lastExit?.code == 0)
    #expect(try home.file("once/runs") == "x\n")
  }
}
