import Glibc
import Platform
import SSH
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: RealServer.isPossible)) struct ChannelTests {
  let server: RealServer

  init() async throws {
    server = try await RealServer.start()
  }

  @Test func aCommandIsRunToItsEnd() async throws {
    let session = try await server.connect()
    let result = try await session.run("cat; echo wrong >&2; exit 7", input: Array("through".utf8))
    #expect(result == SSHResult(output: Array("through".utf8), errorOutput: Array("wrong\n".utf8), exit: .status(7)))
    #expect(try await session.run("true").exit == .status(0))
    #expect(try await session.run("kill -KILL $$").exit == .signal("KILL"))
    #expect(try await session.run("exec >&- 2>&-; exit 300").exit == .status(300 & 255))
    #expect(session.openChannels == 0)
  }

  @Test func aCommandThatDoesNotReadItsInputIsNoFault() async throws {
    let session = try await server.connect()
    let input = [UInt8](repeating: 65, count: 20 << 20)
    let result = try await session.run("echo done; exit 2", input: input)
    #expect(result.exit == .status(2))
    #expect(text(result.output) == "done\n")
    #expect(text(try await session.run("echo after").output) == "after\n")
  }

  @Test func inputAfterItsEndIsRefusedAndNothingElseSuffers() async throws {
    let session = try await server.connect()
    let channel = try await session.open("cat; sleep 0.2; echo more")
    try await channel.write([97, 10])
    try await channel.endInput()
    try await channel.endInput()
    #expect(await error { try await channel.write([98]) }?.code == .closed)
    #expect(text(try await readAll(channel).output) == "a\nmore\n")
    #expect(try await channel.exit() == .status(0))
    #expect(await error { try await channel.write([98]) }?.code == .closed)
    #expect(try await channel.read() == nil)
  }

  @Test func inputOfAnySizeComesThrough() async throws {
    let session = try await server.connect()
    let input = (0..<(9 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let result = try await session.run("cat", input: input, limitBytes: 10 << 20)
    #expect(result.output == input)
    #expect(result.exit == .status(0))
  }

  @Test(arguments: ["yes", "yes >&2"]) func moreOutputThanAllowedIsAnError(_ command: String) async throws {
    let session = try await server.connect()
    let found = try #require(await error { _ = try await session.run(command, limitBytes: 100_000) })
    #expect(found.code == .tooLarge)
    #expect(text(try await session.run("echo still here").output) == "still here\n")
  }

  @Test func manyChannelsGoSideBySide() async throws {
    let session = try await server.connect()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<40 {
        group.addTask {
          let input = [UInt8](repeating: UInt8(number), count: 300_000 + number)
          let result = try await session.run("cat; exit \(number)", input: input)
          #expect(result.output == input)
          #expect(result.exit == .status(number))
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func aChannelThatNobodyReadsDoesNotHoldTheOthersUp() async throws {
    let session = try await server.connect()
    let flood = try await session.open("yes 0123456789; echo never")
    let tiny = try await session.open("while echo x; do :; done")
    for number in 0..<20 {
      #expect(text(try await session.run("echo \(number)").output) == "\(number)\n")
    }
    // What is kept of it has an end: it is read, and goes on after.
    var count = 0
    while count < 30 << 20 {
      let piece = try await flood.read()
      count += try #require(piece).bytes.count
    }
    let first = try await tiny.read()
    #expect(try #require(first).bytes.starts(with: Array("x\nx\n".utf8)))
    flood.close()
    tiny.close()
    #expect(try await session.run("true").exit == .status(0))
  }

  @Test func outputAndErrorsAreKeptApart() async throws {
    let session = try await server.connect()
    let channel = try await session.open(
      "for i in $(seq 500); do printf 'out %8d\\n' $i; printf 'err %8d\\n' $i >&2; done")
    let result = try await readAll(channel)
    #expect(
      text(result.output) == (1...500).map { "out \(String(repeating: " ", count: 8 - "\($0)".count))\($0)\n" }.joined()
    )
    #expect(result.error.count == 500 * 13)
    #expect(try await channel.exit() == .status(0))
    #expect(try await channel.read() == nil)
  }

  @Test func aTerminalHasItsSizeAndCanBeResized() async throws {
    let session = try await server.connect()
    let channel = try await session.open(
      "stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done",
      terminal: TerminalSize(columns: 100, rows: 30))
    var seen = ""
    while !seen.contains("ready") {
      let piece = try await channel.read()
      seen += text(try #require(piece).bytes)
    }
    #expect(seen.contains("30 100"))
    try await channel.resize(TerminalSize(columns: 132, rows: 50))
    while let piece = try await channel.read() { seen += text(piece.bytes) }
    #expect(seen.contains("50 132"))
    #expect(try await channel.exit() == .status(5))
  }

  @Test func aLoginShellIsTalkedTo() async throws {
    let session = try await server.connect()
    let channel = try await session.open(nil, terminal: TerminalSize())
    try await channel.write(Array("stty -echo; echo a$((40+2))b; exit 9\n".utf8))
    #expect(text(try await readAll(channel).output).contains("a42b"))
    #expect(try await channel.exit() == .status(9))
    let plain = try await session.open(nil)
    try await plain.write(Array("echo from the input".utf8))
    try await plain.endInput()
    #expect(text(try await readAll(plain).output).hasSuffix("from the input\n"))
  }

  @Test func theEndOfACommandIsKnownThoughOthersHoldItsOutput() async throws {
    let session = try await server.connect()
    let channel = try await session.open("sleep 30 & echo $!; exit 3")
    let piece = try await channel.read()
    let child = Int32(text(try #require(piece).bytes).filter { $0 != "\n" })
    #expect(try await withDeadline { try await channel.exit() } == .status(3))
    if let child { kill(child, SIGKILL) }
    #expect(try await channel.read() == nil)
  }

  @Test func aCommandWhoseServerDiesHasNoStatus() async throws {
    let session = try await server.connect()
    let channel = try await session.open("echo started; sleep 300")
    _ = try await channel.read()
    server.signalSessions(SIGKILL)
    #expect(await error { _ = try await withDeadline { try await channel.exit() } }?.code == .closed)
    #expect(await error { _ = try await channel.read() }?.code == .closed)
    #expect(await error { try await channel.write([1]) }?.code == .closed)
    #expect(await error { _ = try await session.open("true") }?.code == .closed)
    #expect(!session.isOpen)
  }

  @Test func waitingCallsAreCancelledPromptly() async throws {
    let session = try await server.connect()
    let channel = try await session.open("sleep 300")
    let reading = Task { try await channel.read() }
    let exiting = Task { try await channel.exit() }
    let writing = Task { try await channel.write([UInt8](repeating: 0, count: 64 << 20)) }
    try await Task.sleep(for: .milliseconds(50))
    let time = await seconds {
      reading.cancel()
      exiting.cancel()
      writing.cancel()
      await #expect(throws: CancellationError.self) { _ = try await reading.value }
      await #expect(throws: CancellationError.self) { _ = try await exiting.value }
      await #expect(throws: CancellationError.self) { try await writing.value }
    }
    #expect(time < 60)
    channel.close()
    channel.close()
    #expect(await error { _ = try await channel.exit() }?.code == .closed)
    #expect(text(try await session.run("echo on").output) == "on\n")
  }

  @Test func outputIsNotLostWhereAReaderIsCancelled() async throws {
    let session = try await server.connect()
    let channel = try await session.open("for i in $(seq 2000); do echo $i; done; sleep 0.2; seq 2001 3000")
    var seen: [UInt8] = []
    var isAtEnd = false
    while !isAtEnd {
      let task = Task { try await channel.read() }
      if seen.count % 3 == 0 { task.cancel() }
      await Task.yield()
      task.cancel()
      do {
        if let piece = try await task.value { seen += piece.bytes } else { isAtEnd = true }
      } catch is CancellationError {
        continue
      }
    }
    #expect(text(seen) == (1...3000).map { "\($0)\n" }.joined())
  }

  @Test func aChannelThatIsDroppedHangsItsCommandUp() async throws {
    let session = try await server.connect()
    var channel: SSHChannel? = try await session.open("echo $$; exec cat", terminal: TerminalSize())
    let piece = try await channel?.read()
    let process = try #require(Int32(text(piece?.bytes ?? []).filter { $0.isNumber }))
    channel = nil
    #expect(await eventually { kill(process, 0) != 0 })
    #expect(session.isOpen)
  }

  @Test func aRefusalOfTheServerIsTold() async throws {
    let server = try await RealServer.start(settings: ["MaxSessions 1", "PermitTTY no"])
    let session = try await server.connect()
    let first = try await session.open("cat")
    #expect(await error { _ = try await session.open("true") }?.code == .requestRefused)
    first.close()
    // The server allows another one when it has seen the first one's command end.
    try await withDeadline {
      while await error({ _ = try await session.run("true") }) != nil { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(await error { _ = try await session.open("true", terminal: TerminalSize()) }?.code == .requestRefused)
    let long = String(repeating: "x", count: 40_000)
    #expect(await error { _ = try await session.open("echo \(long)") }?.code == .requestRefused)
    #expect(session.isOpen)
  }

  @Test func aFileIsPutInPlace() async throws {
    let session = try await server.connect()
    let path = "\(server.folder.path)/it's a file\n$(x)"
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
    try await session.upload(bytes, to: path, mode: 0o750)
    #expect(try SmallFile.read(path) == bytes)
    try await session.upload([], to: path, mode: 0o600)
    #expect(try SmallFile.read(path) == [])
    var found = stat()
    #expect(stat(path, &found) == 0 && found.st_mode & 0o7777 == 0o600)
    let missing = try #require(
      await error { try await session.upload([1], to: "\(server.folder.path)/no/file", mode: 0o600) })
    #expect(missing.code == .uploadFailed)
    #expect(missing.message.contains("/no/file"))
    #expect(try server.folder.shell("ls | grep -c new || true") == "0\n")
  }

  @Test func aKeyExchangeInBetweenIsNotSeen() async throws {
    let server = try await RealServer.start(settings: ["RekeyLimit 1M"])
    let session = try await server.connect()
    let input = (0..<(12 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    let result = try await session.run("cat", input: input, limitBytes: 20 << 20)
    #expect(result.output == input)
    #expect(result.exit == .status(0))
  }
}
