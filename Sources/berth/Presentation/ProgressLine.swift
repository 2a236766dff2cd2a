import BerthProtocol
import Platform

/// A line on the terminal that tells how far a job has come, drawn over itself.
///
/// Where standard error is no terminal, nothing is drawn.
struct ProgressLine {
  private static let barWidth = 24

  private let title: String
  private let began = Timestamp.monotonicNanoseconds()
  private var isDrawn = false

  init(title: String) {
    self.title = title
  }

  mutating func show(_ progress: JobProgress?) {
    guard Terminal.errorIsTerminal else { return }
    draw(progress.map(text) ?? Style.errors(.dim, DisplayText.cut(DisplayText.safe(title), to: Terminal.width - 1)))
  }

  /// Shows a line of text that stays, above the progress.
  mutating func say(_ line: String) {
    clear()
    Messages.line(Style.errors(.dim, DisplayText.safe(line)))
  }

  mutating func clear() {
    if isDrawn { Messages.write("\r\u{1B}[K") }
    isDrawn = false
  }

  private mutating func draw(_ text: String) {
    Messages.write("\r\u{1B}[K" + text)
    isDrawn = true
  }

  private func text(_ progress: JobProgress) -> String {
    let style = Style.errors
    let seconds = Double(Timestamp.monotonicNanoseconds() - began) / 1e9
    var measures: [String] = []
    var bar = ""
    if let total = progress.total, total > 0 {
      let share = min(1, Double(progress.completed) / Double(total))
      let filled = Int((share * Double(Self.barWidth)).rounded(.down))
      bar =
        style(.green, String(repeating: "━", count: filled))
        + style(.dim, String(repeating: "━", count: Self.barWidth - filled)) + " "
      measures.append("\(Int((share * 100).rounded(.down))) %")
      measures.append("\(amount(progress.completed, progress.unit)) of \(amount(total, progress.unit))")
      // Too early, and it would jump.
      if seconds > 2, share > 0.02, share < 1 {
        measures.append("\(Humanize.duration(seconds: max(1, (seconds / share - seconds).rounded()))) left")
      }
    } else if progress.completed > 0 {
      measures.append(amount(progress.completed, progress.unit))
    }
    let tail = measures.joined(separator: " · ")
    let room = Terminal.width - 2 - (bar.isEmpty ? 0 : Self.barWidth + 1) - tail.count - (tail.isEmpty ? 0 : 2)
    let message = DisplayText.cut(DisplayText.safe(progress.message), to: max(0, room))
    return bar + message + (tail.isEmpty ? "" : "  " + style(.dim, tail))
  }

  private func amount(_ number: Int, _ unit: ProgressUnit?) -> String {
    switch unit {
    case .bytes: Humanize.bytes(number)
    case .files: Humanize.count(number, "file")
    case .steps: Humanize.count(number, "step")
    case nil: "\(number)"
    }
  }
}
