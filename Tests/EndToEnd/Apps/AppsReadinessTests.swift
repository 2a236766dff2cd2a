import BerthClient
import BerthProtocol
import Glibc
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsReadinessTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `one that is alive and does not listen is seen as such, and listens later`() throws {
    try home.install(
      "deaf", "ports: [http]\nstart_timeout_s: 0.3\nstart: while [ ! -e go ]; do sleep 0.02; done; \(home.listener())")
    let app = try home.start("deaf")
    #expect(app.state == .notReady && app.reason == .notListening && app.pid != nil, "\(app)")
    #expect(app.ports.first?.listening == false)
    #expect(try home.ensureRunning().ok == false)
    try home.server.folder.write("ws/deaf/go", "now")
    let later = try home.until("deaf", .running)
    #expect(later.pid == app.pid && later.restarts == 0 && later.ports.first?.listening == true)
  }

  @Test func `a slow starter is left alone by readiness and liveness`() throws {
    try home.install(
      "slow",
      """
      ports: [http]
      start: while [ ! -e go ]; do sleep 0.02; done; touch open; exec sleep 1000
      probes:
        startup: {exec: printf x >> asked; test -e go, interval_s: 0.05, failure_threshold: 1000}
        readiness: {exec: test -e open, interval_s: 0.05, failure_threshold: 1}
        liveness: {exec: test -e open, interval_s: 0.05, failure_threshold: 1}
      """)
    _ = try home.call(AppStart.self, .init(app: "slow"))
    let pid = try home.until("slow") { $0.pid != nil }.pid
    // Liveness would have ended it, were it asked already.
    try home.until("many questions") { try home.server.folder.read("ws/slow/asked")?.utf8.count ?? 0 > 10 }
    #expect(try home.app("slow").state == .starting)
    try home.server.folder.write("ws/slow/go", "now")
    let app = try home.until("slow", .running)
    #expect(app.pid == pid && app.restarts == 0)
  }

  @Test func `readiness comes and goes, and nothing is restarted for it`() throws {
    try home.server.folder.write("ws/moody/open", "yes")
    try home.install(
      "moody",
      """
      start: exec sleep 1000
      probes: {readiness: {exec: test -e open, interval_s: 0.05, failure_threshold: 2}}
      """)
    let app = try home.start("moody")
    #expect(app.state == .running)
    unlink(home.path + "/moody/open")
    let closed = try home.until("moody", .notReady)
    #expect(closed.reason == .readinessFailed && closed.message?.contains("test -e open") == true)
    try home.server.folder.write("ws/moody/open", "yes")
    #expect(try home.until("moody", .running).pid == app.pid)
  }

  @Test func `one that fails its liveness probe is restarted, with all of its tree`() throws {
    try home.install(
      "stuck",
      """
      start: rm -f ill; trap '' TERM; (setsid sleep 1000 &); touch well; while :; do sleep 0.1; done
      stop_grace_s: 0.2
      restart: {policy: always, backoff: {initial_s: 0.1}}
      probes: {liveness: {exec: test ! -e ill, interval_s: 0.05, failure_threshold: 2}}
      """)
    let app = try home.start("stuck")
    try home.until("the whole tree") { access(home.path + "/stuck/well", F_OK) == 0 }
    let old = home.processes(app)
    try home.server.folder.write("ws/stuck/ill", "very")
    let now = try home.until("stuck") { $0.state == .running && $0.restarts == 1 }
    #expect(now.pid != app.pid && now.lastExit?.signal == "SIGKILL")
    #expect(Set(home.processes(now)).isDisjoint(with: old))
  }

  @Test func `one that does not pass its startup probe in time is ended and tried again`() throws {
    try home.install(
      "never",
      """
      start: exec sleep 1000
      start_timeout_s: 0.5
      restart: {policy: always, backoff: {initial_s: 600, max_s: 600}}
      probes: {startup: {exec: echo not yet; exit 1, interval_s: 0.05, failure_threshold: 1}}
      """)
    _ = try home.call(AppStart.self, .init(app: "never"))
    let app = try home.until("never", .backoff)
    #expect(app.reason == .startupTimeout && app.nextTryAt != nil && app.pid == nil)
    #expect(home.processes() == [])
  }

  @Test func `one that ends again and again is in a crash loop, which tells why and when it is tried again`() throws {
    try home.install(
      "crashing",
      """
      start: echo run >> runs; echo cannot open the book >&2; exit 9
      restart: {policy: always, backoff: {initial_s: 0.02, max_s: 0.05}, max_restarts: 4, crash_loop_s: 600}
      """)
    let row = try #require(try home.ensureRunning().apps.first)
    #expect(!row.ok && row.state == .crashLoop && row.lines?.last == "cannot open the book", "\(row)")
    let app = try home.app("crashing")
    #expect(app.lastExit?.code == 9 && app.lastExit?.lines?.last == "cannot open the book")
    #expect(
      app.message?.contains("9") == true && app.nextTryAt.map { $0 > app.since } == true && app.desired == .running)
    #expect(try home.file("crashing/runs") == "run\nrun\nrun\nrun\n")
    // It is tried at once where somebody asks for it.
    try home.write("crashing", "start: exec sleep 1000")
    let mended = try home.start("crashing")
    #expect(mended.state == .running && mended.restarts == 0)
  }

  @Test func `the app may tell for itself that it is ready`() throws {
    try home.server.folder.write(
      "notify.pl",
      """
      use Socket;
      select(undef, undef, undef, 0.02) until -e 'go';
      my $name = $ENV{NOTIFY_SOCKET}; $name =~ s/^@/\\0/;
      socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die; send($socket, "READY=1", 0, pack_sockaddr_un($name)) or die;
      exec 'sleep', '1000';
      """)
    try home.install(
      "teller", "start: exec perl \(home.server.folder.path)/notify.pl\nprobes: {readiness: {notify: true}}")
    _ = try home.call(AppStart.self, .init(app: "teller"))
    try home.until("teller") { $0.pid != nil }
    #expect(try home.app("teller").state == .starting)
    try home.server.folder.write("ws/teller/go", "now")
    try home.until("teller", .running)
  }
}
