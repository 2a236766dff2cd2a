import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

/// Logs that hold what they have until they are trimmed.
@Suite struct ShimHoldTests {
  /// A log of three segments of 30 kB.
  static func small(_ specification: inout ShimSpecification) {
    specification.log.segmentBytes = 30_000
    specification.log.segments = 3
    specification.log.holds = true
  }

  /// Awaits that the tree has to wait, and returns the log's place.
  @discardableResult
  static func held(_ tree: TestTree) async throws -> ShimStatus.LogPosition {
    try await eventually("a full log") {
      let status = try tree.control.status()
      return status.isHeld ? status.log : nil
    }
  }

  static func numbers(_ range: ClosedRange<Int>) -> String { range.map { "\($0)\n" }.joined() }

  @Test func `A tree whose log is full waits until it is trimmed, and not a byte is lost`() async throws {
    let tree = try TestTree("seq 1 30000; touch printed; seq 30001 30010 >&2", Self.small)
    let place = try await Self.held(tree)
    #expect(place.segment == 3 && place.bytes >= 30_000)
    #expect(try fileNames(in: tree.logFolder).count == 3)
    // More than the log and a pipe can take was to be printed.
    #expect(access(tree.home.path + "/printed", F_OK) != 0)
    let reader = HoldingReader(tree)
    while try await reader.readRound() {}
    #expect(reader.lines.string() == Self.numbers(1...30_000))
    #expect(reader.lines.string("stderr") == Self.numbers(30_001...30_010))
    #expect(try tree.folder.exit()?.record.mainExit == .code(0))
  }

  @Test func `Of 200 MB to a reader that always lets the tree wait, nothing is lost`() async throws {
    let home = try TemporaryFolder()
    // Each line is a number of a thousand digits.
    let print = "seq -f %01000.0f 200000"
    try #require(mkfifo(home.path + "/segments", 0o600) == 0)
    let lines = #"{ printf $3 == "P" ? "%s" : "%s\n", substr($0, length($1 $2 $3) + 4) }"#
    let check = try TestTree("\(print) > expected; awk '\(lines)' segments | cmp - expected", in: home) {
      $0.log.folder = home.path + "/check"
      mkdir($0.log.folder, 0o700)
    }
    let tree = try TestTree("exec \(print)", in: home) {
      $0.log.segmentBytes = 4 << 20
      $0.log.segments = 4
      $0.log.holds = true
    }
    let pipe = open(home.path + "/segments", O_WRONLY | O_CLOEXEC)
    try #require(pipe >= 0)
    var segments: OwnedDescriptor? = OwnedDescriptor(adopting: pipe)
    let reader = HoldingReader(tree, seconds: 60) { bytes in try bytes.withUnsafeBytes { try segments?.write($0) } }
    var rounds = 1
    while try await reader.readRound() { rounds += 1 }
    segments = nil
    // 16 MiB a round, and a little more.
    #expect(rounds >= 8)
    let exit = try await check.end(seconds: 60)
    let difference = try check.lines().string("stderr")
    #expect(exit.record.mainExit == .code(0), "\(difference)")
  }

  @Test func `A tree that waits can be stopped, and what was in its pipe is in the log`() async throws {
    let tree = try TestTree("exec seq 1 100000000", Self.small)
    try await Self.held(tree)
    let before = try tree.lines().string()
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 60_000)
    let exit = try await tree.end()
    #expect(exit.reason == .stopped && exit.record.mainExit == .signal(SIGTERM))
    let names = try fileNames(in: tree.logFolder).sorted()
    #expect(names.first == "0000000001.log" && names.count > 3)
    // The pipe was full; the last number may be cut.
    let text = try tree.lines().string()
    let whole = text.split(separator: "\n").dropLast().map(String.init)
    #expect(whole == (1...whole.count).map(String.init))
    #expect(text.utf8.count - before.utf8.count > 60_000)
  }

  @Test func `A tree that waits and takes no notice of a stop is killed after the grace`() async throws {
    let tree = try TestTree("trap '' TERM; seq 1 100000000 & seq 1 100000000 >&2 & wait; sleep 1000", Self.small)
    try await Self.held(tree)
    try tree.control.stop(signal: SIGTERM, graceMilliseconds: 100)
    #expect(try await tree.end().reason == .stopped)
    #expect(tree.marked().isEmpty)
  }

  @Test func `A tree that ends while its output waits leaves all of it`() async throws {
    // The log is full after a third of it; the rest has room in the pipe.
    let tree = try TestTree("seq 1 10000; touch printed; while [ ! -e go ]; do sleep 0.01; done; exit 4") {
      $0.log.segmentBytes = 1000
      $0.log.segments = 1
      $0.log.holds = true
    }
    try await tree.sign("printed")
    try await Self.held(tree)
    try tree.home.write("go", "")
    #expect(try await tree.end().record.mainExit == .code(4))
    #expect(try tree.lines().string() == Self.numbers(1...10_000))
  }

  @Test func `What the log has when it is full is final`() async throws {
    let home = try TemporaryFolder()
    try home.write("text", Self.numbers(1...1000) + "partial")
    let tree = try TestTree("cat text; sleep 0.3; touch later; exec sleep 1000", in: home) {
      $0.log.segmentBytes = 1000
      $0.log.segments = 1
      $0.log.holds = true
    }
    let place = try await Self.held(tree)
    // A part of a line is written after 100 ms, but for now.
    try await tree.sign("later")
    #expect(try tree.control.status().log == place)
    #expect(try tree.lines().string() == Self.numbers(1...1000))
    #expect(shimError { try tree.control.trim(below: 3) }?.errno == EINVAL)
    try tree.control.trim(below: 2)
    try await tree.lines { $0 == [LogLine(stream: "stdout", flag: "P", text: Array("partial".utf8))] }
    #expect(shimError { try tree.control.trim(below: 3) }?.errno == EINVAL)
  }

  @Test func `Another server trims what the first one left`() async throws {
    let tree = try TestTree("seq 1 30000", Self.small)
    try await Self.held(tree)
    let next = ShimControl(folder: tree.folder.path)
    #expect(shimError { try next.trim(below: 5) }?.errno == EINVAL)
    try next.trim(below: 1)
    #expect(try next.status().isHeld)
    let reader = HoldingReader(tree, control: next)
    while try await reader.readRound() {}
    #expect(reader.lines.string() == Self.numbers(1...30_000))
  }

  @Test func `The next shim finds the log full, and waits too`() async throws {
    let home = try TemporaryFolder()
    let first = try TestTree("seq 1 100000000", in: home, Self.small)
    try await Self.held(first)
    // As the machine does when it ends: nothing can be written any more.
    kill(first.started.shim, SIGKILL)
    for process in first.marked() { kill(process, SIGKILL) }
    _ = try await eventually("the end of the tree") { first.marked().isEmpty ? true : nil }
    let names = try fileNames(in: first.logFolder).sorted()
    let second = try TestTree("while [ ! -e go ]; do sleep 0.01; done; echo second", in: home, Self.small)
    #expect(try second.control.status().isHeld)
    #expect(try fileNames(in: second.logFolder).sorted() == names)
    try second.control.trim(below: 4)
    #expect(try !second.control.status().isHeld)
    try home.write("go", "")
    _ = try await second.end()
    #expect(try fileNames(in: second.logFolder) == ["0000000004.log"])
    #expect(try second.lines().string() == "second\n")
  }

  @Test func `A single segment that is full can be trimmed`() async throws {
    let tree = try TestTree("seq 1 30000") {
      $0.log.segmentBytes = 30_000
      $0.log.segments = 1
      $0.log.holds = true
    }
    let reader = HoldingReader(tree)
    while try await reader.readRound() {}
    #expect(reader.lines.string() == Self.numbers(1...30_000))
  }
}

/// Reads a log that holds as slowly as can be: only when the tree waits, or has ended.
private final class HoldingReader {
  private let tree: TestTree
  private let control: ShimControl
  private let seconds: Double
  private let onSegment: (([UInt8]) throws -> Void)?
  private var next = 1
  /// What has been read, unless others want the segments.
  private(set) var lines: [LogLine] = []

  init(
    _ tree: TestTree, control: ShimControl? = nil, seconds: Double = 20, onSegment: (([UInt8]) throws -> Void)? = nil
  ) {
    self.tree = tree
    self.control = control ?? tree.control
    self.seconds = seconds
    self.onSegment = onSegment
  }

  /// Reads all that there is, and trims it. - Returns: False where the tree has ended.
  func readRound() async throws -> Bool {
    let status = try await eventually("a full log, or the end", seconds: seconds) { () -> ShimStatus?? in
      if try tree.folder.exit() != nil { return .some(nil) }
      guard let status = try? control.status(), status.isHeld else { return nil }
      return status
    }
    let count = try fileNames(in: tree.logFolder).count
    // What is left when the tree ends may be too much.
    if let status = try? control.status(), status.isHeld { #expect(count <= tree.specification.log.segments) }
    while let bytes = try SmallFile.read(tree.logFolder + "/" + name(next)) {
      if let onSegment { try onSegment(bytes) } else { lines += LogLine.lines(of: bytes) }
      next += 1
    }
    guard status != nil else { return false }
    // It may have ended meanwhile, and left the rest of its output.
    if let error = shimError({ try control.trim(below: next) }), error.code != .gone { throw error }
    return true
  }

  private func name(_ segment: Int) -> String {
    let number = String(segment)
    return String(repeating: "0", count: 10 - number.count) + number + ".log"
  }
}
