import BerthProtocol
import JSON
import Platform
import Supervisor

extension ACPRun {
  // MARK: Beginning

  /// Finds the session's program, or starts it.
  func begin() async throws {
    updates.text = try MessageText(from: turn.message, of: run)
    let plan = ACPPrograms.digest(run.agent, directory: run.directory)
    let kept = ACPConnection(run.session.driver)
    if !run.isTakenOver, let kept, kept.plan != plan { await ACPPrograms.end(session, run.services.supervision) }
    connection = kept ?? ACPConnection(plan: plan)
    if let places = turn.places { connection.places = places }
    try takeOverTerminals()
    switch try HeldProgram.takeOver(session, supervision: run.services.supervision, tell: teller()) {
    case .nothing:
      // What was being asked for between two runs is over.
      try goOnWithoutProgram()
    case .lost(let found):
      attach(found)
      while try !readOnce(isFinal: true) {}
      forgetProgram()
      try goOnWithoutProgram()
    case .program(let found):
      attach(found)
      // Where nobody has written down how far it was read, as after a run that could not be taken over, it begins anew.
      let isKnown = kept != nil && (connection.places != nil || connection.phase == .starting)
      if let taken = found.inputBytes, isKnown, connection.noteSent(taken) {
        try goOn()
      } else if found.inputBytes == nil, kept != nil {
        // It has ended; where the run is not concerned, another one is started.
        if turn.isUnderWay { return }
        while try !readOnce(isFinal: true) {}
        forgetProgram()
        try startProgram()
      } else {
        // Nobody knows what has been said to it.
        found.stop(signal: 9, graceSeconds: 0)
        forgetProgram()
        await ACPPrograms.end(session, run.services.supervision)
        HeldProgram.remove(session, supervision: run.services.supervision)
        try goOnWithoutProgram()
      }
    }
  }

  private func goOnWithoutProgram() throws {
    guard turn.isUnderWay else { return try startProgram() }
    if turn.stopReason != nil { return try endTurn() }
    try finish(
      .interrupted(
        "What held the agent's program was killed. What was said is kept: begin a new run of the session \(session)."))
  }

  private func goOn() throws {
    let processID = program.map { Int($0.processID) }
    try change { $0.record.run.pid = processID }
    if connection.phase != .ready { start(.start, seconds: startSeconds) }
    if turn.stopReason != nil { linger() }
    try settlePermissions()
    // Told once only, and maybe to the server before.
    run.tell(.program(.output, of: generation))
  }

  /// Starts the program, and says hello.
  func startProgram() throws {
    let plan = ACPPrograms.digest(run.agent, directory: run.directory)
    connection = ACPConnection(plan: plan)
    turn.isConfigured = false
    try change { changes in
      updates.endMessage(in: &changes)
      connection.ask(.initialize, "initialize", ACPPrograms.greeting)
    }
    let words = ["workspace": folder, "session": session, "run": run.id]
    do {
      let held = ACPPrograms.plan(run.agent, directory: run.directory, words: words)
      attach(try HeldProgram.start(session, held, supervision: run.services.supervision, tell: teller()))
    } catch {
      throw ACPFailure(.launchFailed, ACPPrograms.words(for: error, run.agent))
    }
    let processID = program.map { Int($0.processID) }
    try change { $0.record.run.pid = processID }
    start(.start, seconds: startSeconds)
  }

  private func teller() -> @Sendable (HeldProgram.Event) -> Void {
    generation += 1
    let (run, generation) = (run, generation)
    return { run.tell(.program($0, of: generation)) }
  }

  private func attach(_ program: HeldProgram) {
    self.program = program
    output = program.output(after: connection.places)
  }

  // MARK: Input

  /// Sends what is to be sent, as far as there is room.
  func flush() throws {
    while let program, let (bytes, offset) = connection.unsent {
      let total: Int
      do throws(ShimError) {
        switch try program.send(bytes, at: offset) {
        case .accepted(let count): total = count
        case .at(let count): total = count
        case .full(let count):
          _ = connection.noteSent(count)
          return
        }
      } catch {
        switch error.code {
        // It reads no more: its end tells why.
        case .refused: program.stop(graceSeconds: 2)
        // Whether it was taken, the next attempt will show.
        case .timeout: run.tell(.program(.room, of: generation))
        case .gone, .launch, .malformed: break
        }
        return
      }
      guard connection.noteSent(total) else {
        program.stop(signal: 9, graceSeconds: 0)
        throw ACPFailure(.internal, "What was sent to the agent is not what was written down.")
      }
      try probe()
    }
  }

  // MARK: Output

  private static let pieceBytes = 512 << 10

  /// Reads on, a piece at a time, so that other signals are heard in between.
  func read() async throws {
    guard let program, output != nil else { return }
    program.beginReading()
    let segment = connection.places?.segment
    var isAll = true
    do {
      try await changeShared { changes in
        isAll = try read(isFinal: false, in: &changes)
      }
    } catch is Unchanged {
      return
    }
    forget(of: program, before: segment)
    if !isAll { run.tell(.program(.output, of: generation)) }
  }

  private struct Unchanged: Error {}

  /// The same at once. - Returns: Whether that was all.
  func readOnce(isFinal: Bool) throws -> Bool {
    guard let program, output != nil else { return true }
    program.beginReading()
    let segment = connection.places?.segment
    var isAll = true
    do {
      try change { changes in
        isAll = try read(isFinal: isFinal, in: &changes)
      }
    } catch is Unchanged {
      return true
    }
    forget(of: program, before: segment)
    return isAll
  }

  /// Takes in the next lines. - Returns: Whether that was all.
  private func read(isFinal: Bool, in changes: inout RunChanges) throws -> Bool {
    // Taken out while it reads, so that it is not copied.
    guard var reader = output else { throw Unchanged() }
    output = nil
    defer { output = reader }
    var lines = 0
    let isAll = try reader.read(wantedBytes: Self.pieceBytes, isFinal: isFinal) { line in
      lines += 1
      take(line, in: &changes)
    }
    if lines == 0, isAll { throw Unchanged() }
    connection.places = reader.places
    return isAll
  }

  private func forget(of program: HeldProgram, before segment: UInt64?) {
    if let places = connection.places, places.segment != segment { program.forgetOutput(before: places) }
  }

  private static let lastLineCount = 10
  private static let longestLine = 64 << 10

  private func take(_ line: HeldOutput.Line, in changes: inout RunChanges) {
    guard line.source == .output else { return takeError(line.text, in: &changes) }
    lastLineAt = Timestamp.monotonicNanoseconds()
    if line.isCut {
      failure = ACPFailure(.protocolError, "The agent wrote a line of more than 64 MiB, which can't be read.")
      return
    }
    if let chunk = ACPChunk(line.text), isOurs(chunk.session) {
      if connection.id(of: .load) != nil || updates.add(chunk, to: &changes) { return }
    }
    guard let message = ACPMessage(line.text) else {
      guard line.text.contains(where: { $0 > 0x20 }) else { return }
      let text = String(decoding: line.text.prefix(2000), as: UTF8.self)
      return changes.log(.warning, "The agent wrote a line that is no message: \(text)")
    }
    take(message, in: &changes)
  }

  private func isOurs(_ id: UnsafeRawBufferPointer) -> Bool {
    guard let session = connection.session else { return true }
    return id.elementsEqual(session.utf8)
  }

  private func takeError(_ text: UnsafeRawBufferPointer, in changes: inout RunChanges) {
    var rest = text[...]
    repeat {
      var count = min(rest.count, Self.longestLine)
      // Not through a character.
      while count < rest.count, count > Self.longestLine - 4, rest[rest.startIndex + count] & 0xC0 == 0x80 {
        count -= 1
      }
      let piece = String(decoding: rest.prefix(count), as: UTF8.self)
      changes.log(.stderr, piece)
      lastLines.append(String(piece.prefix(1000)))
      rest = rest.dropFirst(count)
    } while !rest.isEmpty
    if lastLines.count > Self.lastLineCount { lastLines.removeFirst(lastLines.count - Self.lastLineCount) }
  }

  // MARK: Ending

  /// Has the program end: its input ends, then it is told to end, then it is killed.
  func endProgram(within seconds: Double) {
    guard let program else { return }
    turn.endsProgram = true
    turn.killSeconds = max(seconds / 2, 1)
    start(.giveUp, seconds: seconds + 30)
    guard seconds > 0, let taken = program.inputBytes else { return program.stop(graceSeconds: 1) }
    _ = try? program.endInput(at: taken)
    start(.terminate, seconds: min(seconds / 2, 2))
  }

  /// Nothing of the program is left.
  func noteProgramEnd() throws {
    guard let program else { return }
    let folder = run.services.supervision.folder(of: session)
    var isLost = false
    switch try folder.state(id: session) {
    case .alive:
      // Only the connection to its holder is gone.
      program.letGo()
      if case .program(let found) = try HeldProgram.takeOver(
        session, supervision: run.services.supervision, tell: teller())
      {
        attach(found)
        return run.tell(.program(.output, of: generation))
      }
    case .lost:
      isLost = true
      // Ends what is left of it.
      _ = try HeldProgram.takeOver(session, supervision: run.services.supervision, tell: { _ in })
    case .ended, .empty: break
    }
    while try !readOnce(isFinal: true) {}
    let exit = RunExit(program.exit, lines: lastLines)
    forgetProgram()
    try change { changes in
      changes.record.run.pid = nil
      updates.endMessage(in: &changes)
    }
    if ending != nil { return }
    if let stop { return try finish(stop.ending(exit)) }
    if turn.stopReason != nil { return try endTurn(exit) }
    let command = run.agent.config.command ?? ""
    if isLost {
      let detail = "What held `\(command)` was killed. Begin a new run of the session \(session)."
      return try finish(.failed(.agentLost, detail, exit))
    }
    let words =
      exit.code.map { "ended by itself with exit code \($0)" } ?? exit.signal.map { "was ended by \($0)" } ?? "ended"
    let last = lastLines.last.map { " Its last line: \($0)" } ?? ""
    try finish(.failed(.agentExited, "`\(command)` \(words) before it was done.\(last)", exit))
  }

  /// Removes what is on disk of a program that has ended, and what was kept of the connection to it.
  func forgetProgram() {
    program?.remove()
    program = nil
    output = nil
    generation += 1
    stop(.giveUp)
    stop(.terminate)
    let plan = connection.plan
    connection = ACPConnection(plan: plan)
  }
}
