import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

@Suite struct ShimInputTests {
  @Test func `Input arrives once, whoever sends it how often`() async throws {
    let tree = try TestTree("exec cat") { $0.input = .pipe }
    #expect(try tree.control.input(Array("one\n".utf8), at: 0) == .accepted(total: 4))
    // Another connection, such as the next server's, that does not know what has arrived.
    let next = ShimControl(folder: tree.folder.path)
    #expect(try next.input(Array("one\n".utf8), at: 0) == .at(total: 4))
    #expect(try next.input(Array("ahead\n".utf8), at: 10) == .at(total: 4))
    #expect(try next.status().inputBytes == 4)
    #expect(try next.input(Array("two\n".utf8), at: 4) == .accepted(total: 8))
    #expect(try next.endInput(at: 4) == .at(total: 8))
    #expect(try next.endInput(at: 8) == .accepted(total: 8))
    #expect(try await tree.end().record.mainExit == .code(0))
    #expect(try tree.lines().string() == "one\ntwo\n")
  }

  @Test func `Input of any bytes and any length arrives, and its end after it`() async throws {
    let tree = try TestTree("cat > all; echo done") { $0.input = .pipe }
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7) }
    var sent = 0
    while sent < bytes.count {
      switch try tree.control.input(bytes[sent...], at: sent) {
      case .accepted(let total), .full(let total): sent = total
      case .at: Issue.record("lost step")
      }
    }
    #expect(try tree.control.endInput(at: bytes.count) == .accepted(total: bytes.count))
    _ = try await tree.end()
    #expect(try SmallFile.read(tree.home.path + "/all") == bytes)
  }

  @Test func `Input that nobody reads is refused when the buffer is full, and room is told`() async throws {
    let tree = try TestTree("while [ ! -e go ]; do sleep 0.01; done; exec cat > all") { $0.input = .pipe }
    let pushes = Pushes()
    try tree.follow(pushes)
    let block = [UInt8](repeating: UInt8(ascii: "i"), count: 32 << 10)
    var sent = 0
    while case .accepted(let total) = try tree.control.input(block, at: sent) { sent = total }
    #expect(sent >= 1 << 20)
    #expect(try tree.control.status().inputBytes == sent)
    #expect(!pushes.all.contains(.room))
    // The end waits behind what is in the buffer.
    try tree.home.write("go", "")
    try await pushes.contain(.room)
    #expect(try tree.control.input(block, at: sent) == .accepted(total: sent + block.count))
    #expect(try tree.control.endInput(at: sent + block.count) == .accepted(total: sent + block.count))
    _ = try await tree.end()
    #expect(try SmallFile.read(tree.home.path + "/all")?.count == sent + block.count)
  }

  @Test func `Without input, or with nobody who reads it, it is refused`() async throws {
    let without = try TestTree("exec sleep 100")
    #expect(shimError { try without.control.input([1], at: 0) }?.errno == EPIPE)
    let closed = try TestTree("exec 0<&-; touch closed; exec sleep 100") { $0.input = .pipe }
    try await closed.sign("closed")
    let error = shimError { try closed.control.input([1], at: 0) }
    #expect(error?.code == .refused && error?.errno == EPIPE)
    #expect(try closed.control.status().inputBytes == 0)
  }

  @Test func `A terminal has a size, echoes, and ends input`() async throws {
    let tree = try TestTree("tty -s && stty size; read line; stty size; echo \"got $line\"; exec cat") {
      $0.input = .terminal(columns: 80, rows: 24)
    }
    try await tree.lines { $0.string().contains("24 80") }
    try tree.control.resize(columns: 132, rows: 43)
    #expect(try tree.control.input(Array("hello\n".utf8), at: 0) == .accepted(total: 6))
    try await tree.lines { $0.string().contains("43 132") && $0.string().contains("got hello") }
    #expect(try tree.control.endInput(at: 6) == .accepted(total: 6))
    #expect(try await tree.end().record.mainExit == .code(0))
    #expect(try tree.lines().allSatisfy { $0.stream == "stdout" })
  }

  @Test func `Input that a terminal can't take yet waits, and output goes on meanwhile`() async throws {
    let count = 200_000
    let tree = try TestTree(
      "stty raw -echo; touch raw; while [ ! -e go ]; do sleep 0.01; done; head -c \(count) > all; echo done; sleep 100"
    ) {
      $0.input = .terminal(columns: 80, rows: 24)
    }
    try await tree.sign("raw")
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7) }
    #expect(try tree.control.input(bytes, at: 0) == .accepted(total: count))
    try tree.home.write("go", "")
    try await tree.lines { $0.string().contains("done") }
    #expect(try SmallFile.read(tree.home.path + "/all") == bytes)
  }

  @Test func `What has no terminal has no size`() throws {
    let tree = try TestTree("exec sleep 100")
    #expect(shimError { try tree.control.resize(columns: 10, rows: 10) }?.errno == ENOTTY)
  }
}
