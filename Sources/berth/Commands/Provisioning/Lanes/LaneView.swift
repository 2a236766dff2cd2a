import JSON
import Platform
import Synchronization

/// Where work on several machines is shown: lines that are drawn over on a terminal, else lines with the machine's name.
final class LaneView: Sendable {
  private struct State {
    var board: LaneBoard
    let output = Output()
    /// How many lines stand there to be drawn over.
    var drawn = 0
    var drawnAt: Int64 = 0
  }

  private let state: Mutex<State>
  /// Whether lines are drawn over.
  let isLive: Bool
  private let tellsLines: Bool
  private let isVerbose: Bool
  private let isJSON: Bool
  private let names: [String]
  /// How long what is on the screen may be behind, in nanoseconds.
  private static let staleness: Int64 = 100_000_000
  static let redrawSeconds = 0.5

  /// - Parameters:
  ///   - names: Of the machines.
  ///   - isVerbose: Whether everything that programs write is shown.
  init(_ names: [String], json: Bool, isVerbose: Bool = false) {
    isLive = Terminal.errorIsTerminal && Terminal.environment("TERM") != "dumb"
    tellsLines = !isLive && !json
    isJSON = json
    self.isVerbose = isVerbose
    self.names = names.map(DisplayText.safe)
    state = Mutex(State(board: LaneBoard(names, style: Style.errors)))
  }

  // MARK: What happens

  func begin(_ index: Int) {
    state.withLock { $0.board.begin(index, now: Timestamp.monotonicNanoseconds()) }
    refresh()
  }

  /// A step begins, or something is said of it.
  func step(_ index: Int, _ title: String) {
    state.withLock { $0.board.step(index, title) }
    tellsLines ? tell(index, title) : refresh()
  }

  /// Something is to be told of a step.
  func note(_ index: Int, _ title: String, _ text: String) {
    state.withLock { $0.board.words(index, text) }
    tellsLines ? tell(index, "\(title): \(text)") : refresh()
  }

  /// Something was written.
  func words(_ index: Int, _ text: String) {
    for line in text.split(separator: "\n") {
      let line = DisplayText.safe(String(line))
      guard line.contains(where: { !$0.isWhitespace }) else { continue }
      if isLive, isVerbose { above("\(names[index]) \(Style.errors(.dim, "|")) \(Style.errors(.dim, line))") }
      state.withLock { $0.board.words(index, line) }
      if tellsLines { tell(index, "| \(line)") }
    }
    refresh()
  }

  /// A line beside all machines.
  func say(_ text: String) { above(Style.errors(.dim, DisplayText.safe(text))) }

  /// A line that stays, above those that are drawn over, on standard error.
  private func above(_ line: String) {
    state.withLock { state in
      Self.erase(&state)
      Messages.line(line)
      draw(&state)
    }
  }

  private func tell(_ index: Int, _ text: String) {
    Messages.line("\(names[index]): \(DisplayText.safe(text))")
  }

  // MARK: Ends

  /// Shows how a machine's work has ended: for people or for scripts on standard output, with more below it.
  ///
  /// - Parameters:
  ///   - row: The columns for scripts, behind the name.
  ///   - notes: Further lines for people.
  func end(_ index: Int, _ outcome: LaneBoard.Outcome, _ text: String, row: [String], notes: [String] = []) {
    state.withLock { state in
      state.board.end(index)
      Self.erase(&state)
      if !isJSON {
        if state.output.isTerminal {
          state.output.line(
            state.board.endLine(index, outcome, text, now: Timestamp.monotonicNanoseconds()))
        } else {
          state.output.line(([names[index]] + row.map(DisplayText.safe)).joined(separator: "\t"))
        }
        state.output.flush()
        let indent = state.output.isTerminal ? "    " : "\(names[index]): "
        for note in notes { Messages.line(indent + DisplayText.safe(note)) }
      }
      draw(&state)
    }
  }

  /// A JSON document on a line of standard output.
  func json(_ value: some JSONEncodable) {
    let line = value.jsonString
    state.withLock { state in
      Self.erase(&state)
      state.output.line(line)
      state.output.flush()
      draw(&state)
    }
  }

  /// How long a machine's work has taken, in seconds.
  func elapsed(_ index: Int) -> Double {
    state.withLock { $0.board.elapsed(index, now: Timestamp.monotonicNanoseconds()) }
  }

  // MARK: Drawing

  /// Draws what goes on, where that is not too soon.
  func refresh() {
    guard isLive else { return }
    state.withLock { state in
      guard Timestamp.monotonicNanoseconds() - state.drawnAt >= Self.staleness else { return }
      draw(&state)
    }
  }

  /// Takes away what is drawn over.
  func clear() {
    state.withLock { state in
      Self.erase(&state)
      state.drawnAt = 0
    }
  }

  private func draw(_ state: inout State) {
    guard isLive else { return }
    let now = Timestamp.monotonicNanoseconds()
    let lines = state.board.lines(now: now, width: Terminal.width, height: Terminal.height)
    // Each line is drawn over from its start, and what is left below goes away: nothing flickers.
    var text = state.drawn > 0 ? "\r\u{1B}[\(state.drawn)A" : ""
    for line in lines { text += line + "\u{1B}[K\n" }
    if lines.count < state.drawn { text += "\u{1B}[J" }
    if !text.isEmpty { Messages.write(text) }
    (state.drawn, state.drawnAt) = (lines.count, now)
  }

  private static func erase(_ state: inout State) {
    if state.drawn > 0 { Messages.write("\r\u{1B}[\(state.drawn)A\u{1B}[J") }
    state.drawn = 0
  }
}
