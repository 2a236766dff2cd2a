import BerthProtocol
import JSON
import Platform

extension ACPRun {
  // MARK: Going on

  /// Does what is next, where nothing is awaited.
  func advance() async throws {
    guard ending == nil, stop == nil, !turn.isUnderWay, program != nil else { return }
    guard connection.phase == .ready, !connection.hasQuestions else { return }
    if !turn.isConfigured {
      if try configure() { return }
      turn.isConfigured = true
    }
    try beginTurn()
  }

  /// Somebody has said something before its turn, maybe.
  private struct MoreWasSaid: Error {}

  /// Gives the agent the next prompt. - Returns: false where there is none, and none can come any more.
  @discardableResult
  func beginTurn() throws -> Bool {
    while true {
      guard let next = run.waitingTurns.first else {
        do {
          if try run.beginTurn({ _, _ in throw MoreWasSaid() }) == nil { return false }
        } catch is MoreWasSaid {}
        continue
      }
      let content = ACPContent(connection.capabilities, of: run, workspace: workspace, folder: folder)
      let blocks: [JSONValue]
      do {
        blocks = try content.blocks(next.prompt)
      } catch {
        // What was said is told, whatever becomes of it.
        _ = try run.beginTurn()
        throw error
      }
      _ = try run.beginTurn { changes, _ in
        connection.ask(
          .prompt, "session/prompt",
          ["sessionId": .string(connection.session ?? ""), "prompt": .array(blocks)])
        connection.trim()
        turn.isPrompted = true
        turn.isToldToEnd = false
        turn.stopReason = nil
        changes.become(.running)
        keep(in: &changes)
      }
      try probe()
      try flush()
      return true
    }
  }

  // MARK: Ends of turns

  private static let lingerSeconds = 0.1
  private static let longestLingerNanoseconds: Int64 = 1_000_000_000

  /// The agent has answered the prompt.
  func takeEnd(_ result: JSONObject, in changes: inout RunChanges) {
    turn.isPrompted = false
    turn.stopReason = result["stopReason"]?.stringValue ?? "end_turn"
    updates.addEnd(result, to: &changes)
    linger()
  }

  /// Waits for what the agent tells after its answer.
  func linger() {
    lingersSince = Timestamp.monotonicNanoseconds()
    start(.linger, seconds: Self.lingerSeconds)
  }

  func lookAtLinger() throws {
    guard ending == nil, turn.stopReason != nil else { return }
    let isAll = try readOnce(isFinal: false)
    let now = Timestamp.monotonicNanoseconds()
    let rest = Self.lingerSeconds - Double(now - lastLineAt) / 1e9
    if !isAll || rest > 0, now - lingersSince < Self.longestLingerNanoseconds {
      return start(.linger, seconds: isAll ? rest : 0)
    }
    try endTurn()
  }

  /// Goes on with the next turn, or ends the run.
  func endTurn(_ exit: RunExit? = nil) throws {
    stop(.linger)
    try dismissPermissions(by: .agent)
    try change { updates.endMessage(in: &$0) }
    if let stop { return try finish(stop.ending(exit)) }
    let reason = turn.stopReason.flatMap { StopReason(rawValue: $0) } ?? .endTurn
    if program == nil, !run.waitingTurns.isEmpty {
      turn.stopReason = nil
      return try startProgram()
    }
    if try !beginTurn() { try finish(.completed(reason, exit)) }
  }

  // MARK: Stopping

  /// Ends the turn at hand where the next one is not to wait for its end.
  func steer() throws {
    guard turn.isPrompted, !turn.isToldToEnd, stop == nil, ending == nil, run.waitingTurns.first?.mode == .steer
    else { return }
    try tellToEnd()
  }

  private func tellToEnd() throws {
    guard !turn.isToldToEnd else { return }
    turn.isToldToEnd = true
    try dismissPermissions(by: .cancelled)
    try change { _ in connection.notify("session/cancel", ["sessionId": .string(connection.session ?? "")]) }
  }

  func beginStop(_ reason: Stop, graceSeconds: Double) throws {
    guard stop == nil, ending == nil else { return }
    stop = reason
    if turn.isPrompted, program != nil {
      try tellToEnd()
      if graceSeconds > 0 { return start(.grace, seconds: graceSeconds) }
      return try finish(reason.ending(nil), endingProgramWithin: 0)
    }
    // What comes after the answer is awaited, and then the run ends.
    if turn.stopReason != nil { return }
    if connection.phase == .ready, !connection.hasQuestions { return try finish(reason.ending(nil)) }
    try change { _ in
      for id in connection.openIDs { connection.notify("$/cancel_request", ["requestId": .integer(id)]) }
    }
    try finish(reason.ending(nil), endingProgramWithin: graceSeconds)
  }

  func fail(_ failure: ACPFailure) throws {
    guard ending == nil else { return }
    if let stop { return try finish(stop.ending(nil)) }
    let exit = lastLines.isEmpty ? nil : RunExit(nil, lines: lastLines)
    try finish(.failed(failure.type, failure.detail, exit))
  }

  private static let failureGraceSeconds = 5.0

  /// Settles how the run ends, and ends what is not to outlive it.
  ///
  /// - Parameter seconds: How long the program has to end; nil where it is kept for the session's next run, unless it is
  ///   in the middle of something.
  func finish(_ ending: RunEnding, endingProgramWithin seconds: Double? = nil) throws {
    guard self.ending == nil else { return }
    self.ending = ending
    for timer in [Timer.start, .grace, .linger] { stop(timer) }
    for terminal in terminals { terminal.stop(graceSeconds: Self.terminalGraceSeconds) }
    if !terminals.isEmpty { start(.giveUp, seconds: 30) }
    try dismissPermissions(by: .cancelled)
    try change { updates.endMessage(in: &$0) }
    if let seconds {
      endProgram(within: seconds)
    } else if connection.phase != .ready || turn.isPrompted || connection.hasQuestions {
      endProgram(within: Self.failureGraceSeconds)
    }
    try dropEndedTerminals()
  }

  private static let terminalGraceSeconds = 1.0
}
