import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

@Suite struct ShimTreeTests {
  @Test func `Daemons outlive the shell that started them, and the tree lives until the last has ended`() async throws {
    let tree = try TestTree("nohup sleep 100 > /dev/null 2>&1 & nohup sleep 101 > /dev/null 2>&1 & echo up")
    let status = try await eventually("the end of the shell") {
      let status = try tree.control.status()
      return status.record.mainExit == nil ? nil : status
    }
    #expect(status.record.mainExit == .code(0) && !status.record.mainIsAlive)
    let daemons = try await eventually("two daemons") {
      let processes = try tree.control.processes().filter { $0.command == "sleep" }
      return processes.count == 2 ? processes : nil
    }
    #expect(daemons.allSatisfy { $0.parent == tree.started.shim })
    #expect(shimError { try tree.control.signal(SIGTERM, .main) }?.errno == ESRCH)
    daemons[0].identity.send(SIGTERM)
    _ = try await eventually("one daemon") { try tree.control.status().processes == 1 ? true : nil }
    #expect(try tree.folder.exit() == nil)
    daemons[1].identity.send(SIGTERM)
    let exit = try await tree.end()
    #expect(exit.reason == .exited && exit.record.mainExit == .code(0))
  }

  @Test func `Double forks and sessions of their own do not leave the tree`() async throws {
    let tree = try TestTree(
      "(setsid sh -c '(setsid sleep 100 &) ; (sleep 100 &) ; touch ready; exec sleep 100' &) ; exec sleep 100")
    try await tree.sign("ready")
    let before = try await eventually("four processes") {
      let processes = try tree.control.processes()
      return processes.count(where: { $0.command == "sleep" }) == 4 ? processes : nil
    }
    #expect(Set(tree.marked()) == Set(before.map(\.identity.processID)))
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 10_000)
    #expect(try await tree.end().reason == .stopped)
    #expect(tree.marked() == [])
  }

  @Test func `Who ignores the signal is killed after the grace`() async throws {
    let tree = try TestTree("trap '' TERM; sleep 100 & touch ready; while :; do sleep 0.05; done")
    try await tree.sign("ready")
    let began = Timestamp.monotonicNanoseconds()
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 200)
    let exit = try await tree.end()
    #expect(Timestamp.monotonicNanoseconds() - began >= 200_000_000)
    #expect(exit.reason == .stopped && exit.record.mainExit == .signal(SIGKILL))
    #expect(tree.marked() == [])
  }

  @Test func `A second stop shortens the grace, and never lengthens it`() async throws {
    let tree = try TestTree("trap '' TERM; touch ready; while :; do sleep 0.05; done")
    try await tree.sign("ready")
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 3_600_000)
    #expect(try tree.control.status().processes > 0)
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 50)
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 3_600_000)
    #expect(try await tree.end().record.mainExit == .signal(SIGKILL))
  }

  @Test func `Within the grace, a program may end as it likes`() async throws {
    let tree = try TestTree("trap 'echo cleaning; exit 3' INT; touch ready; while :; do sleep 0.02; done")
    try await tree.sign("ready")
    try tree.control.stop(signal: SIGINT, graceMilliseconds: 20_000)
    #expect(try await tree.end().record.mainExit == .code(3))
    #expect(try tree.lines().string() == "cleaning\n")
  }

  @Test func `Processes that were stopped hear the signal too`() async throws {
    let tree = try TestTree("trap 'exit 4' TERM; touch ready; while :; do sleep 0.02; done")
    try await tree.sign("ready")
    try tree.control.signal(SIGSTOP, .all)
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 20_000)
    #expect(try await tree.end().record.mainExit == .code(4))
  }

  @Test func `A tree that forks all the time is ended whole`() async throws {
    let tree = try TestTree(
      """
      trap '' TERM; touch ready
      for i in 1 2 3; do
        (while :; do (setsid sleep 30 &) ; sleep 0.01; done) &
      done
      while :; do (sleep 30 &) ; sleep 0.01; done
      """)
    try await tree.sign("ready")
    _ = try await eventually("many processes") { try tree.control.status().processes > 40 ? true : nil }
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 100)
    #expect(try await tree.end().reason == .stopped)
    #expect(tree.marked() == [])
  }

  @Test func `Without output and without its first process, a tree still lives`() async throws {
    let tree = try TestTree("(exec > /dev/null 2>&1 < /dev/null; setsid sleep 100) & exit 0")
    _ = try await eventually("the first process's end") {
      try tree.control.status().record.mainExit
    }
    #expect(try tree.control.status().processes >= 1)
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 10_000)
    #expect(try await tree.end().record.mainExit == .code(0))
  }

  @Test func `Output that somebody outside has been handed does not keep a shim`() async throws {
    let home = try TemporaryFolder()
    try #require(mkfifo(home.path + "/fifo", 0o600) == 0)
    // The tree opens its own output once more, through /proc, from a process that is not of the tree.
    let tree = try TestTree("echo $$ > pid.new; mv pid.new pid; cat fifo; echo last", in: home)
    try await tree.sign("pid")
    let pid = try #require(try home.read("pid")?.split(separator: "\n").first)
    let output = open("/proc/\(pid)/fd/1", O_WRONLY | O_CLOEXEC)
    try #require(output >= 0)
    defer { close(output) }
    try home.write("fifo", "through\n")
    #expect(try await tree.end().record.mainExit == .code(0))
    #expect(try tree.lines().string() == "through\nlast\n")
  }

  @Test func `Signals reach the first process, or all`() async throws {
    let tree = try TestTree(
      "trap 'echo main' USR1; (trap 'echo child' USR1; touch child; while :; do sleep 0.02; done) & touch ready; "
        + "while :; do sleep 0.02; done")
    try await tree.sign("ready")
    try await tree.sign("child")
    try tree.control.signal(SIGUSR1, .main)
    try await tree.lines { $0.string() == "main\n" }
    // The sleeps die of it; the loops go on.
    try tree.control.signal(SIGUSR1, .all)
    try await tree.lines { Set($0.string().split(separator: "\n")) == ["main", "child"] && $0.count >= 3 }
  }

  @Test(.enabled(if: TestCgroup.isPossible, "a cgroup v2 folder needs the right to make it"))
  func `In a cgroup, the tree is put there and killed with it`() async throws {
    let cgroup = try TestCgroup()
    let tree = try TestTree("trap '' TERM; sleep 100 & touch ready; cat /proc/self/cgroup; wait") {
      $0.cgroup = cgroup.path
    }
    try await tree.sign("ready")
    try await tree.lines { $0.string().contains(cgroup.name) }
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 50)
    #expect(try await tree.end().reason == .stopped)
    #expect(tree.marked() == [])
  }
}

/// A cgroup of a test's own.
final class TestCgroup {
  let path: String
  let name: String

  static let isPossible = (try? TestCgroup()) != nil

  init() throws {
    name = Identifier.make("berth_test")
    let root = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified"
    path = "\(root)/\(name)"
    guard access(root + "/cgroup.procs", W_OK) == 0, mkdir(path, 0o755) == 0 else {
      throw SystemError("mkdir", path: path)
    }
  }

  deinit {
    // A cgroup is busy for a moment after its last process has been reaped.
    for _ in 0..<1000 where rmdir(path) != 0 && errno == EBUSY { usleep(1000) }
  }
}
