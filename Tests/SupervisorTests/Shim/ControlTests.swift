import CPlatform
import Glibc
import Platform
import Supervisor
import Synchronization
import TestSupport
import Testing

/// The pushes that have come.
final class Pushes: Sendable {
  private let pushes = Mutex<[ShimPush]>([])

  var all: [ShimPush] { pushes.withLock { $0 } }

  @Sendable func add(_ push: ShimPush) { pushes.withLock { $0.append(push) } }

  func contain(_ push: ShimPush) async throws {
    _ = try await eventually("\(push)") { all.contains(push) ? true : nil }
  }
}

/// A peer that keeps to no rules.
final class RawPeer {
  let socket: OwnedDescriptor

  init(_ folder: String) throws {
    let number = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw SystemError("open", path: folder) }
    defer { close(number) }
    let connected = berth_packet_connect(number, "control", 10_000_000_000)
    guard connected >= 0 else { throw SystemError("connect", path: folder) }
    socket = OwnedDescriptor(adopting: connected)
  }

  /// Sends without waiting for room. False where there is none.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    socket.withDescriptor { Glibc.send($0, bytes, bytes.count, Int32(MSG_NOSIGNAL)) } == bytes.count
  }

  func receive() -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let deadline = Timestamp.monotonicNanoseconds() + 10_000_000_000
    let count = socket.withDescriptor { berth_packet_receive($0, &buffer, buffer.count, deadline) }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}

@Suite struct ShimControlTests {
  @Test func `Who follows hears of the log, of the first process's end, and of the end`() async throws {
    let tree = try TestTree("while [ ! -e go ]; do sleep 0.01; done; echo text; (sleep 0.1; echo more) & exit 9")
    let pushes = Pushes()
    try tree.follow(pushes)
    try await pushes.contain(.log(.init(segment: 1, bytes: 0)))
    try tree.home.write("go", "")
    try await pushes.contain(.disconnected)
    let all = pushes.all
    #expect(all.contains(.mainExited(.code(9))))
    #expect(all.suffix(2) == [.ended, .disconnected])
    let size = try #require(try SmallFile.read(tree.logFolder + "/0000000001.log")).count
    let positions = all.compactMap { push -> Int? in if case .log(let position) = push { position.bytes } else { nil } }
    #expect(positions == positions.sorted() && positions.last == size)
    #expect(try tree.folder.exit()?.record.mainExit == .code(9))
  }

  @Test func `Who follows late hears what has been`() async throws {
    let name = Identifier.make("notify")
    let tree = try TestTree(
      """
      python3 -c 'import socket, os
      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      s.sendto(b"STATUS=warming up", "\\0" + os.environ["NOTIFY_SOCKET"][1:])
      s.sendto(b"READY=1\\nSTATUS=serving\\nMAINPID=1", "\\0" + os.environ["NOTIFY_SOCKET"][1:])'
      touch told; (exec sleep 100) & exit 3
      """
    ) {
      $0.notifySocket = name
      $0.environment.append("NOTIFY_SOCKET=/somebody/elses")
    }
    try await tree.sign("told")
    let status = try await eventually("readiness") {
      let status = try tree.control.status()
      return status.isReady && status.record.mainExit != nil ? status : nil
    }
    #expect(status.notifyStatus == "serving")
    let pushes = Pushes()
    try tree.follow(pushes)
    try await pushes.contain(.ready)
    try await pushes.contain(.notify("serving"))
    try await pushes.contain(.mainExited(.code(3)))
    // The name is taken while the shim lives.
    let other = shimError { _ = try TestTree("true") { $0.notifySocket = name } }
    #expect(other?.step == "notify" && other?.errno == EADDRINUSE)
  }

  @Test(.enabled(if: geteuid() == 0, "another user is needed"))
  func `Only the own user can notify and connect`() async throws {
    let name = Identifier.make("notify")
    let tree = try TestTree("exec sleep 100") { $0.notifySocket = name }
    let script = """
      import os, socket
      os.setuid(65534)
      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      s.sendto(b"READY=1", "\\0\(name)")
      print("sent")
      """
    let (process, output, _) = try ChildProcess.capturing("/usr/bin/python3", ["-c", script])
    #expect(String(decoding: try output.readAll(), as: UTF8.self) == "sent\n")
    process.wait()
    #expect(try !tree.control.status().isReady)
  }

  @Test func `Peers that follow and do not read hold up nobody`() async throws {
    let tree = try TestTree(
      "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; touch printed; exec sleep 100")
    let peers = try (0..<20).map { _ in try RawPeer(tree.folder.path) }
    for peer in peers { peer.send(Array("follow".utf8)) }
    try await tree.sign("printed")
    try await tree.lines { $0.last?.string == "line 19999" }
    // They are still answered, when they read at last.
    let bytes = try tree.control.status().log.bytes
    for peer in peers {
      #expect(peer.receive() == "ok")
      var last = ""
      while last != "! log 1 \(bytes)" { last = try #require(peer.receive()) }
    }
  }

  @Test func `A peer that asks and never reads is not read from, and others are answered`() async throws {
    let tree = try TestTree("exec sleep 100")
    let peer = try RawPeer(tree.folder.path)
    var sent = 0
    while sent < 100_000, peer.send(Array("status".utf8)) { sent += 1 }
    #expect(try tree.control.hello().id == tree.specification.id)
    #expect(sent < 100_000)
    var answered = 0
    while answered < sent, peer.receive()?.hasPrefix("id=") == true { answered += 1 }
    #expect(answered == sent)
  }

  @Test func `A peer that goes in the midst of it is forgotten`() async throws {
    let tree = try TestTree("while :; do echo line; sleep 0.001; done")
    for _ in 0..<200 {
      let peer = try RawPeer(tree.folder.path)
      peer.send(Array("follow".utf8))
      peer.send(Array("hello".utf8))
    }
    #expect(try tree.control.status().processes > 0)
    let shim = tree.started.shim
    _ = try await eventually("few descriptors") { try fileNames(in: "/proc/\(shim)/fd").count < 20 ? true : nil }
  }

  @Test func `More peers than there is room for are turned away, and the others stay`() async throws {
    let tree = try TestTree("exec sleep 100")
    _ = try tree.control.hello()
    var peers: [RawPeer] = []
    for _ in 0..<100 { peers.append(try RawPeer(tree.folder.path)) }
    for peer in peers { peer.send(Array("hello".utf8)) }
    let answered = peers.count { $0.receive() != nil }
    #expect(answered > 50 && answered < 100)
    #expect(try tree.control.hello().shim == tree.started.shim)
  }

  @Test func `Whatever a peer sends is answered or refused`() async throws {
    let tree = try TestTree("exec sleep 100")
    let peer = try RawPeer(tree.folder.path)
    let garbage: [[UInt8]] =
      [
        "x", "\n", " ", "hello ", "hello\nmore", "signal", "signal 15", "signal 99 main", "signal 15 everyone",
        "signal -1 all", "stop", "stop 15", "stop x y", "stop 99 1", "stop 15 -1", "stop 15 99999999999999999999999",
        "input", "input\n", "input x\nabc", "input 99999999999999999999\nabc", "inputEnd", "resize", "resize 1",
        "resize 70000 1", "follow me", "status\u{0}", "pids pids", "! log 1 1",
      ].map { Array($0.utf8) } + [[0], [0xff, 0xfe, 0x00, 0x0a]]
      + (1...50).map { length in (0..<length * 37).map { UInt8(truncatingIfNeeded: $0 &* length &* 131) } }
    for request in garbage {
      try #require(peer.send(request))
      let answer = try #require(peer.receive())
      let isQuestion = request.starts(with: "hello\n".utf8) || request == Array("status\u{0}".utf8)
      #expect(
        isQuestion || answer.hasPrefix("error 22 "), "\(String(decoding: request.prefix(40), as: UTF8.self)): \(answer)"
      )
    }
    #expect(try tree.control.status().processes == 1)
  }

  @Test func `Signals to the shim itself do not end it`() async throws {
    let tree = try TestTree("exec sleep 100")
    for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTSTP] {
      #expect(kill(tree.started.shim, signal) == 0)
    }
    #expect(try tree.control.status().processes == 1)
  }
}
