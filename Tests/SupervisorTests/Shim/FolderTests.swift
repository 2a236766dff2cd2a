import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

@Suite struct ShimFolderTests {
  /// What a server finds in a folder.
  func state(_ tree: TestTree) throws -> ShimFolder.State { try tree.folder.state(id: tree.specification.id) }

  @Test func `A server that comes back finds the tree, and speaks to it as the one before did`() async throws {
    let tree = try TestTree("exec sleep 100")
    guard case .alive(let status) = try state(tree) else {
      Issue.record("not alive")
      return
    }
    #expect(status.record.main == tree.started.main && status.record.mainIsAlive)
    #expect(status.record.shim.processID == tree.started.shim)
    // Nobody's child: this process can't wait for it.
    #expect(waitpid(tree.started.shim, nil, WNOHANG) == -1 && errno == ECHILD)
    #expect(
      getsid(tree.started.shim) != getsid(0) && getsid(tree.started.main.processID) == tree.started.main.processID)
  }

  @Test func `A shim that holds another tree is not taken for this one's`() throws {
    let tree = try TestTree("exec sleep 100")
    #expect(shimError { try tree.folder.state(id: "another") }?.code == .malformed)
  }

  @Test func `What ended meanwhile tells how`() async throws {
    let tree = try TestTree("exit 12")
    let exit = try await tree.end()
    #expect(try await eventually("the end of the shim") { try state(tree) == .ended(exit) ? true : nil })
    #expect(shimError { try tree.control.hello() }?.code == .gone)
  }

  @Test func `A shim that was killed leaves a tree that is lost, and a process that can be named`() async throws {
    let tree = try TestTree("exec sleep 100")
    kill(tree.started.shim, SIGKILL)
    _ = try await eventually("the end of the shim") { kill(tree.started.shim, 0) == 0 ? nil : true }
    guard case .lost(let record) = try state(tree) else {
      Issue.record("not lost")
      return
    }
    #expect(record.main == tree.started.main && record.mainIsAlive)
    #expect(shimError { try tree.control.status() }?.code == .gone)
    #expect(record.main.send(SIGKILL))
    _ = try await eventually("the end of the process") { record.mainIsAlive ? nil : true }
    #expect(!record.main.send(SIGKILL))
    try tree.folder.remove()
    #expect(try state(tree) == .empty && access(tree.folder.path, F_OK) != 0)
  }

  @Test func `A tree whose folder is removed, so that nobody can reach it, is ended`() async throws {
    let tree = try TestTree("trap 'touch told; exit' TERM; setsid sleep 100 & while :; do sleep 0.05; done")
    let name = try #require(tree.folder.path.split(separator: "/").last.flatMap { FileName(String($0)) })
    try Directory(path: tree.home.path).removeTree(name)
    // It looks every 30 s.
    _ = try await eventually("the end of the shim", seconds: 90) { kill(tree.started.shim, 0) == 0 ? nil : true }
    try await tree.sign("told")
    #expect(!tree.started.main.send(0))
  }

  @Test func `A number that was given to another process is not taken for the tree's`() async throws {
    let tree = try TestTree("exec sleep 100")
    kill(tree.started.shim, SIGKILL)
    _ = try await eventually("the end of the shim") { kill(tree.started.shim, 0) == 0 ? nil : true }
    defer { tree.started.main.send(SIGKILL) }
    let status = try #require(try SmallFile.read(tree.folder.path + "/status"))
    let text = String(decoding: status, as: UTF8.self)
    // As if the process had ended, and this one had been given its number.
    let reused = text.replacing("main=\(tree.started.main.processID)\n", with: "main=\(getpid())\n")
    try SmallFile.replace(tree.folder.path + "/status", with: Array(reused.utf8))
    guard case .lost(let record) = try state(tree) else {
      Issue.record("not lost")
      return
    }
    #expect(!record.mainIsAlive && !record.main.send(0))
    // And as if the machine had been started since.
    let earlier = text.replacing("boot=", with: "boot=0")
    try SmallFile.replace(tree.folder.path + "/status", with: Array(earlier.utf8))
    guard case .lost(let before) = try state(tree) else {
      Issue.record("not lost")
      return
    }
    #expect(!before.mainIsAlive)
  }

  @Test func `A folder in which nothing was started is empty`() throws {
    let home = try TemporaryFolder()
    #expect(try ShimFolder(home.path).state(id: "none") == .empty)
    #expect(try ShimFolder(home.path + "/nowhere").state(id: "none") == .empty)
  }

  @Test func `Memory that a shim takes is small, alone and among fifty`() async throws {
    func proportionalKilobytes(_ tree: TestTree) throws -> Int {
      try #require(procNumber("/proc/\(tree.started.shim)/smaps_rollup", "Pss"))
    }
    let home = try TemporaryFolder()
    let large = "LARGE=" + String(repeating: "x", count: 100_000)
    let trees = try (0..<50).map { index in
      try TestTree("exec sleep 100", in: home) {
        $0.log.folder += "/\(index)"
        $0.environment.append(large)
        mkdir($0.log.folder, 0o700)
      }
    }
    for tree in trees { #expect(try proportionalKilobytes(tree) < 300) }
    #expect(try trees.map(proportionalKilobytes).reduce(0, +) < 50 * 150)
    for tree in trees.dropFirst() { try tree.control.stop(signal: SIGKILL, graceMilliseconds: 0) }
    for tree in trees.dropFirst() { _ = try await tree.end() }
    _ = try await eventually("one shim alone") { try proportionalKilobytes(trees[0]) < 300 ? true : nil }
  }

  @Test func `Memory that output and questions took is given back`() async throws {
    let tree = try TestTree("head -c 20000000 /dev/zero | tr '\\0' '\\n'; touch printed; exec sleep 100")
    try await tree.sign("printed")
    _ = try tree.control.processes()
    _ = try await eventually("little memory") {
      (procNumber("/proc/\(tree.started.shim)/smaps_rollup", "Pss") ?? 999) < 300 ? true : nil
    }
  }
}
