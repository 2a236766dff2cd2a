/// Work on several machines at a time: a line each, drawn over while it goes on. Nothing goes in or out here.
struct LaneBoard {
  /// A machine, and where its work stands.
  struct Lane {
    let name: String
    /// What is being done.
    var step = ""
    /// What was written last.
    var words = ""
    /// When it began, in nanoseconds of the monotonic clock; nil before that.
    var began: Int64?
    var hasEnded = false
  }

  enum Outcome: Equatable { case done, failed }

  private(set) var lanes: [Lane]
  private let nameWidth: Int
  private let style: Style

  init(_ names: [String], style: Style) {
    lanes = names.map { Lane(name: DisplayText.safe($0)) }
    nameWidth = min(32, lanes.reduce(0) { max($0, DisplayText.width($1.name)) })
    self.style = style
  }

  mutating func begin(_ index: Int, now: Int64) {
    if lanes[index].began == nil { lanes[index].began = now }
  }

  mutating func step(_ index: Int, _ step: String) {
    lanes[index].step = DisplayText.safe(step)
    lanes[index].words = ""
  }

  mutating func words(_ index: Int, _ words: String) {
    lanes[index].words = DisplayText.safe(words)
  }

  mutating func end(_ index: Int) { lanes[index].hasEnded = true }

  /// How long a machine's work has taken, in seconds.
  func elapsed(_ index: Int, now: Int64) -> Double {
    lanes[index].began.map { Double(max(0, now - $0)) / 1e9 } ?? 0
  }

  // MARK: Lines

  /// The lines of those that go on; where the terminal is not high enough, how many more there are.
  func lines(now: Int64, width: Int, height: Int) -> [String] {
    let open = lanes.indices.filter { !lanes[$0].hasEnded }
    let room = max(1, height - 2)
    // Those that have begun come first: the others have nothing to tell.
    let ordered = open.filter { lanes[$0].began != nil } + open.filter { lanes[$0].began == nil }
    guard open.count > room else { return ordered.map { line($0, now, width) } }
    return ordered.prefix(room).map { line($0, now, width) }
      + [style(.dim, DisplayText.cut("… and \(open.count - room) more", to: width - 1))]
  }

  private func line(_ index: Int, _ now: Int64, _ width: Int) -> String {
    let lane = lanes[index]
    let step = lane.step.isEmpty ? "waiting" : lane.step
    // The mark, the name, and what stands between them.
    var room = width - 1 - 2 - nameWidth - 2
    var time = lane.began == nil ? "" : Self.time(elapsed(index, now: now))
    if room < time.count + 10 { time = "" }
    let shownStep = DisplayText.cut(step, to: max(0, room - (time.isEmpty ? 0 : time.count + 2)))
    room -= DisplayText.width(shownStep) + 2 + (time.isEmpty ? 0 : time.count + 2)
    let words = room < 8 ? "" : DisplayText.cut(lane.words, to: room)
    return style(lane.began == nil ? .dim : .cyan, lane.began == nil ? "○" : "●") + " " + name(index) + "  " + shownStep
      + (time.isEmpty ? "" : "  " + style(.dim, time)) + (words.isEmpty ? "" : "  " + style(.dim, words))
  }

  /// The line of one that has ended, which stays.
  func endLine(_ index: Int, _ outcome: Outcome, _ text: String, now: Int64) -> String {
    let mark = outcome == .done ? style(.green, "✓") : style(.red, "✗")
    let seconds = elapsed(index, now: now)
    let time = seconds < 1 ? "" : "  " + style(.dim, Self.time(seconds))
    return mark + " " + name(index) + "  " + DisplayText.safe(text) + time
  }

  private func name(_ index: Int) -> String {
    let name = DisplayText.cut(lanes[index].name, to: nameWidth)
    return style(.bold, name) + String(repeating: " ", count: nameWidth - DisplayText.width(name))
  }

  /// Whole seconds: tenths would only flicker.
  private static func time(_ seconds: Double) -> String {
    seconds < 1 ? "0 s" : Humanize.duration(seconds: seconds.rounded(.down))
  }
}
