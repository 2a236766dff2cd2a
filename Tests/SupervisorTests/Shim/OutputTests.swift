import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

@Suite struct ShimOutputTests {
  static let part = 16 << 10

  @Test func `A last line without its end is in the log`() async throws {
    let tree = try TestTree("echo one; printf two; printf three >&2")
    _ = try await tree.end()
    #expect(
      try Set(tree.lines()) == [
        LogLine(stream: "stdout", flag: "F", text: Array("one".utf8)),
        LogLine(stream: "stdout", flag: "F", text: Array("two".utf8)),
        LogLine(stream: "stderr", flag: "F", text: Array("three".utf8)),
      ])
  }

  @Test func `A line whose end takes its time is in the log as a part, and its end as the last part`() async throws {
    let home = try TemporaryFolder()
    try #require(mkfifo(home.path + "/first", 0o600) == 0 && mkfifo(home.path + "/second", 0o600) == 0)
    let tree = try TestTree(
      "printf 'name? '; read name < first; echo \"$name\"; printf more; read name < second", in: home)
    func line(_ flag: Character, _ text: String) -> LogLine {
      LogLine(stream: "stdout", flag: flag, text: Array(text.utf8))
    }
    try await tree.lines { $0 == [line("P", "name? ")] }
    try home.write("first", "Berth\n")
    try await tree.lines { $0 == [line("P", "name? "), line("F", "Berth"), line("P", "more")] }
    try home.write("second", "\n")
    _ = try await tree.end()
    #expect(try tree.lines().last == line("F", ""))
  }

  @Test func `Long lines come in parts, which make the line`() async throws {
    let home = try TemporaryFolder()
    let lengths = [0, 1, Self.part - 1, Self.part, Self.part + 1, 2 * Self.part, 100_000]
    let text = lengths.map { String(repeating: "x", count: $0) + "\n" }.joined()
    try home.write("text", text)
    let tree = try TestTree("cat text", in: home)
    _ = try await tree.end()
    let lines = try tree.lines()
    #expect(lines.string() == text)
    #expect(lines.allSatisfy { $0.text.count <= Self.part })
    #expect(lines.count { $0.flag == "F" } == lengths.count)
    #expect(lines.allSatisfy { $0.flag == "F" || $0.text.count == Self.part })
  }

  @Test(arguments: ["é", "€", "😀"])
  func `Parts begin and end with whole characters`(_ character: String) async throws {
    let home = try TemporaryFolder()
    // Parts end at each of the character's bytes.
    let text = (0..<4).map {
      String(repeating: "x", count: $0) + String(repeating: character, count: 20_000) + "\n"
    }.joined()
    try home.write("text", text)
    let tree = try TestTree("cat text", in: home)
    _ = try await tree.end()
    let lines = try tree.lines()
    #expect(lines.string() == text)
    #expect(lines.contains { $0.flag == "P" } && lines.allSatisfy { String(validating: $0.text, as: UTF8.self) != nil })
    #expect(lines.allSatisfy { $0.flag == "F" || Self.part - 3...Self.part ~= $0.text.count })
  }

  @Test func `What is no UTF-8 is cut anywhere`() async throws {
    let home = try TemporaryFolder()
    let bytes = [UInt8](repeating: 0x80, count: 2 * Self.part + 1) + [UInt8(ascii: "\n")]
    let file = try OwnedDescriptor.appending(to: home.path + "/bytes")
    try bytes.withUnsafeBytes { try file.write($0) }
    let tree = try TestTree("cat bytes", in: home)
    _ = try await tree.end()
    #expect(try tree.lines().text() == bytes)
    #expect(try tree.lines().map(\.text.count) == [Self.part, Self.part, 1])
  }

  @Test func `An endless line takes no memory`() async throws {
    let tree = try TestTree("exec head -c 200000000 /dev/zero | tr '\\0' x") {
      $0.log.segmentBytes = 1 << 20
      $0.log.segments = 3
    }
    let shim = tree.started.shim
    var peak = 0
    _ = try await eventually("the end", seconds: 60) {
      peak = max(peak, procNumber("/proc/\(shim)/status", "VmHWM") ?? 0)
      return try tree.folder.exit()
    }
    #expect(peak > 0 && peak < 3 << 10, "\(peak) KiB")
    #expect(try fileNames(in: tree.logFolder).count == 3)
    #expect(try tree.lines().allSatisfy { $0.text.count <= Self.part })
  }

  @Test func `Bytes are kept as they are`() async throws {
    let home = try TemporaryFolder()
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 &+ $0 >> 8) } + [UInt8(ascii: "\n")]
    let file = try OwnedDescriptor.appending(to: home.path + "/bytes")
    try bytes.withUnsafeBytes { try file.write($0) }
    let tree = try TestTree("cat bytes", in: home)
    _ = try await tree.end()
    #expect(try LogText(tree.logFolder).text("stdout") == bytes)
  }

  @Test func `Segments follow one another, and the newest are kept`() async throws {
    let tree = try TestTree("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done") {
      $0.log.segmentBytes = 10_000
      $0.log.segments = 4
    }
    _ = try await tree.end()
    let names = try fileNames(in: tree.logFolder).sorted()
    #expect(names.count == 4)
    let numbers = names.compactMap { Int($0.prefix { $0 != "." }) }
    #expect(numbers.allSatisfy { $0 > 4 } && zip(numbers, numbers.dropFirst()).allSatisfy { $0 + 1 == $1 })
    for name in names.dropLast() {
      let size = try #require(try SmallFile.read("\(tree.logFolder)/\(name)")).count
      #expect(10_000..<10_100 ~= size)
    }
    let texts = try tree.lines().map(\.string)
    let first = try #require(texts.first?.split(separator: " ").last.flatMap { Int($0) })
    #expect(texts == (first..<3000).map { "line \($0)" })
  }

  @Test func `The next shim goes on in the log, behind a line that was cut`() async throws {
    let home = try TemporaryFolder()
    _ = try await TestTree("echo first", in: home).end()
    let segment = home.path + "/log/0000000001.log"
    let before = try #require(try SmallFile.read(segment))
    let cut = try OwnedDescriptor.appending(to: segment)
    try Array("2026-11-20T22:30:00.123456789Z stdout F cu".utf8).withUnsafeBytes { try cut.write($0) }
    let second = try TestTree("echo second", in: home)
    _ = try await second.end()
    #expect(try SmallFile.read(segment)?.starts(with: before) == true)
    #expect(try second.lines().string() == "first\ncu\nsecond\n")
    // One that is full is followed by the next; too many are removed.
    let third = try TestTree("echo third", in: home) {
      $0.log.segmentBytes = 10
      $0.log.segments = 1
    }
    _ = try await third.end()
    #expect(try fileNames(in: home.path + "/log") == ["0000000002.log"])
    #expect(try third.lines().string() == "third\n")
  }

  @Test(.enabled(if: SmallDisk.isPossible, "mounting needs the right to"))
  func `On a full disk, nobody waits, what is lost is counted, and the end is told`() async throws {
    let home = try TemporaryFolder()
    let disk = try SmallDisk(at: home.path + "/disk", bytes: 256 << 10)
    let specification = try TestTree.specification(
      """
      echo before; touch before
      while [ ! -e full ]; do sleep 0.01; done
      i=0; while [ $i -lt 1000 ]; do echo lost $i; i=$((i+1)); done
      touch lost; while [ ! -e room ]; do sleep 0.01; done
      echo after; exit 5
      """, in: home)
    var onDisk = specification
    onDisk.log.folder = disk.path + "/log"
    let folder = disk.path + "/shim"
    try #require(mkdir(onDisk.log.folder, 0o700) == 0 && mkdir(folder, 0o700) == 0)
    _ = try Shim.launch(onDisk, in: folder)
    let control = ShimControl(folder: folder)
    func sign(_ name: String) async throws {
      _ = try await eventually(name) { access("\(home.path)/\(name)", F_OK) == 0 ? true : nil }
    }
    try await sign("before")
    _ = try await eventually("the first line") { try control.status().log.bytes > 0 ? true : nil }
    try disk.fill()
    try home.write("full", "")
    try await sign("lost")
    let dropped = try await eventually("dropped lines") {
      let status = try control.status()
      return status.droppedLines > 0 ? status.droppedLines : nil
    }
    #expect(dropped <= 1000)
    disk.makeRoom()
    try home.write("room", "")
    let exit = try await eventually("the end") { try ShimFolder(folder).exit() }
    #expect(exit.record.mainExit == .code(5))
    let lines = try LogLine.all(in: onDisk.log.folder).map(\.string)
    #expect(lines.first == "before" && lines.last == "after")
  }

  @Test(.enabled(if: SmallDisk.isPossible, "mounting needs the right to"))
  func `The end is told on a disk that stays full`() async throws {
    let home = try TemporaryFolder()
    let disk = try SmallDisk(at: home.path + "/disk", bytes: 256 << 10)
    var specification = try TestTree.specification("while [ ! -e full ]; do sleep 0.01; done; exit 6", in: home)
    specification.log.folder = disk.path
    let folder = disk.path + "/shim"
    try #require(mkdir(folder, 0o700) == 0)
    _ = try Shim.launch(specification, in: folder)
    try disk.fill()
    try home.write("full", "")
    let exit = try await eventually("the end") { try ShimFolder(folder).exit() }
    #expect(exit.record.mainExit == .code(6))
  }
}

/// A log's text, for bytes among which line feeds and spaces stand anywhere.
struct LogText {
  private let lines: [LogLine]

  init(_ folder: String) throws {
    lines = try LogLine.all(in: folder)
  }

  func text(_ stream: String) -> [UInt8] { lines.text(stream) }
}
