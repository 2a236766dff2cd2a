import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

@Suite struct ShimLaunchTests {
  @Test func `A command's output is in the log, and its end in the folder`() async throws {
    let tree = try TestTree("echo one; echo two >&2; echo three")
    let exit = try await tree.end()
    #expect(exit.reason == .exited)
    #expect(exit.record.mainExit == .code(0))
    #expect(exit.record.id == tree.specification.id)
    #expect(exit.record.main == tree.started.main)
    #expect(exit.endedNanoseconds >= exit.record.startedNanoseconds)
    #expect(exit.maximumResidentKilobytes > 0)
    let lines = try tree.lines()
    #expect(lines.string("stdout") == "one\nthree\n")
    #expect(lines.string("stderr") == "two\n")
    #expect(try await eventually("the end of the shim") { kill(tree.started.shim, 0) == 0 ? nil : true })
    #expect(try fileNames(in: tree.folder.path).sorted() == ["exit", "status"])
  }

  @Test(arguments: [
    ("exit 0", ProcessExit.code(0)), ("exit 7", .code(7)), ("exit 255", .code(255)),
    ("kill -KILL $$", .signal(SIGKILL)), ("kill -TERM $$", .signal(SIGTERM)), ("kill -USR1 $$", .signal(SIGUSR1)),
  ])
  func `How the first process ended is told`(script: String, exit: ProcessExit) async throws {
    let tree = try TestTree(script)
    #expect(try await tree.end().record.mainExit == exit)
  }

  struct Fault: Sendable {
    let step: String
    let errno: Int32
    let adjust: @Sendable (inout ShimSpecification) -> Void

    init(_ step: String, _ errno: Int32, _ adjust: @escaping @Sendable (inout ShimSpecification) -> Void) {
      (self.step, self.errno, self.adjust) = (step, errno, adjust)
    }
  }

  @Test(arguments: [
    Fault("program", ENOENT) { $0.arguments = ["no-such-program"] },
    Fault("program", ENOENT) { $0.arguments = ["/no/such/program"] },
    Fault("program", ENOENT) { $0.arguments = [""] },
    Fault("program", EACCES) { $0.arguments = ["/etc/passwd"] },
    Fault("program", E2BIG) { $0.arguments += [String(repeating: "x", count: 200_000)] },
    Fault("directory", ENOENT) { $0.directory += "/nowhere" },
    Fault("directory", ENOTDIR) { $0.directory = "/etc/passwd" },
    Fault("specification", EINVAL) { $0.directory = "relative" },
    Fault("log", ENOENT) { $0.log.folder += "/nowhere" },
    Fault("log", ENOTDIR) { $0.log.folder = "/etc/passwd" },
    Fault("specification", EINVAL) { $0.log.segments = 0 },
    Fault("specification", EINVAL) { $0.log.segmentBytes = 0 },
    Fault("specification", EINVAL) { $0.limits = [.init(.nofile, soft: 20, hard: 10)] },
    Fault("specification", EINVAL) { $0.arguments = [] },
    Fault("specification", EINVAL) { $0.environment = ["no assignment"] },
    Fault("specification", EINVAL) { $0.nice = 40 },
    Fault("specification", EINVAL) { $0.umask = 0o1000 },
    Fault("specification", EINVAL) { $0.id = "" },
    Fault("specification", EINVAL) { $0.id = "two\nlines" },
    Fault("specification", EINVAL) { $0.input = .terminal(columns: 0, rows: 10) },
    Fault("specification", 0) { $0.arguments = ["a\u{0}id=another"] },
    Fault("specification", E2BIG) { $0.secrets = [String(repeating: "x", count: 100_000)] },
    Fault("notify", ENAMETOOLONG) { $0.notifySocket = String(repeating: "n", count: 108) },
    Fault("cgroup", ENOENT) { $0.cgroup = "/no/such/cgroup" },
  ])
  func `What can't be started says at which step, and leaves nothing`(fault: Fault) async throws {
    let home = try TemporaryFolder()
    let specification = try TestTree.specification("echo started > started", in: home, fault.adjust)
    let folder = try TestTree.newFolder(in: home)
    let error = shimError { try Shim.launch(specification, in: folder) }
    #expect(error?.code == .launch && error?.step == fault.step && error?.errno == fault.errno, "\(error as Any)")
    #expect(Set(try fileNames(in: folder)).isSubset(of: ["exit"]))
    #expect(access(home.path + "/started", F_OK) != 0)
    // A server that was killed meanwhile finds it in the folder.
    if let exit = try ShimFolder(folder).exit(), let error {
      #expect(exit.reason == .failed(step: fault.step, errno: fault.errno, about: error.message))
    }
  }

  @Test func `A shim that is not there, and a folder that is not there, are faults of the launch`() throws {
    let home = try TemporaryFolder()
    let specification = try TestTree.specification("true", in: home)
    let folder = try TestTree.newFolder(in: home)
    #expect(shimError { try Shim.launch(specification, in: folder, executable: "/no/shim") }?.step == "shim")
    #expect(shimError { try Shim.launch(specification, in: folder, executable: "/bin/true") }?.step == "shim")
    #expect(shimError { try Shim.launch(specification, in: folder + "/nowhere") }?.step == "folder")
  }

  @Test func `A launch that takes too long ends with a timeout`() throws {
    let home = try TemporaryFolder()
    let specification = try TestTree.specification("true", in: home)
    let folder = try TestTree.newFolder(in: home)
    // A shell that waits for somebody to write its script.
    try #require(mkfifo(folder + "/script", 0o600) == 0)
    let error = shimError {
      try Shim.launch(specification, in: folder + "/script", executable: "/bin/sh", timeoutSeconds: 0.05)
    }
    #expect(error?.code == .timeout)
  }

  @Test func `A folder holds one tree, and a log is written by one`() async throws {
    let tree = try TestTree("exec sleep 100")
    #expect(shimError { try Shim.launch(tree.specification, in: tree.folder.path) }?.step == "folder")
    #expect(try tree.control.status().processes == 1)
    let other = shimError { _ = try TestTree("true", in: tree.home) }
    #expect(other?.step == "log" && other?.errno == EWOULDBLOCK)
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 10_000)
    _ = try await tree.end()
    // As soon as the end is told, the log is free.
    _ = try await TestTree("true", in: tree.home).end()
  }

  @Test func `A program gets what was specified, and nothing of the shim's or the server's`() async throws {
    // An inheritable descriptor of this process.
    let leak = dup(1)
    defer { close(leak) }
    let tree = try TestTree {
      $0.arguments = ["/bin/sh", "-c", "ls /proc/$$/fd > fds; env > env; pwd; umask; ulimit -n; cat /proc/self/status"]
      $0.arguments += ["zero", "with space", ""]
      $0.umask = 0o27
      $0.limits = [.init(.nofile, soft: 100, hard: 200), .init(.core, soft: 0, hard: nil)]
      $0.nice = 5
    }
    _ = try await tree.end()
    let lines = try tree.lines().string().split(separator: "\n")
    #expect(lines.prefix(3) == [tree.home.path[...], "0027", "100"])
    // Some shells keep a copy of what a redirection replaces, at 10 or above.
    let descriptors = try #require(try tree.home.read("fds")).split(separator: "\n").compactMap { Int($0) }
    #expect(descriptors.filter { $0 < 10 } == [0, 1, 2] && descriptors.count < 5)
    for set in ["SigBlk", "SigIgn"] { #expect(lines.contains { $0 == "\(set):\t0000000000000000" }) }
    let environment = Set(try #require(try tree.home.read("env")).split(separator: "\n").map(String.init))
    #expect(environment.isSuperset(of: tree.specification.environment))
    // What shells add.
    let added = environment.subtracting(tree.specification.environment).map { $0.prefix { $0 != "=" } }
    #expect(Set(added).isSubset(of: ["PWD", "OLDPWD", "SHLVL", "_"]))
  }

  @Test func `Programs are found in the given PATH, and scripts need not name their interpreter`() async throws {
    let home = try TemporaryFolder()
    // By another process: a file that a fork of this one has open for writing can't be executed.
    let write = "mkdir bin first; echo 'echo \"tool $1\"' > bin/tool; chmod 755 bin/tool; echo text > first/tool"
    let (writer, output, _) = try ChildProcess.capturing("/bin/sh", ["-c", "cd \(home.path); \(write)"])
    _ = try output.readAll()
    #expect(writer.wait() == 0)
    let tree = try TestTree(in: home) {
      $0.arguments = ["tool", "argument"]
      $0.environment = ["PATH=\(home.path)/first:\(home.path)/bin"]
    }
    _ = try await tree.end()
    #expect(try tree.lines().string() == "tool argument\n")
  }

  @Test func `Paths may be longer than a socket's address`() async throws {
    let home = try TemporaryFolder()
    var folder = home.path
    for _ in 0..<12 {
      folder += "/" + String(repeating: "d", count: 200)
      try #require(mkdir(folder, 0o700) == 0)
    }
    let specification = try TestTree.specification("exec sleep 100", in: home)
    let started = try Shim.launch(specification, in: folder)
    guard case .alive(let status) = try ShimFolder(folder).state(id: specification.id) else {
      Issue.record("not alive")
      return
    }
    #expect(status.record.shim.processID == started.shim)
    try ShimControl(folder: folder).stop(signal: SIGKILL, graceMilliseconds: 0)
    _ = try await eventually("the end") { try ShimFolder(folder).exit() }
  }
}
