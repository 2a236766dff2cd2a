import BerthProtocol
import JSON

/// A line that an app has written.
struct AppLine {
  /// The app's place among those that are shown.
  let source: Int
  let event: StreamEvent

  var text: String { event.payload["text"]?.stringValue ?? "" }
  var isError: Bool { event.payload["source"]?.stringValue == OutputSource.stderr.rawValue }
  /// Whether the line goes on with the next one of the same app and the same kind.
  var isPartial: Bool { event.payload["partial"]?.boolValue == true }

  /// Puts the lines of several apps in the order of their times; each app's own keep theirs.
  static func merged(_ lists: [[AppLine]]) -> [AppLine] {
    let lists = lists.filter { !$0.isEmpty }
    guard lists.count > 1 else { return lists.first ?? [] }
    var lines: [(time: String, order: Int, line: AppLine)] = []
    for list in lists {
      // A clock that was set back does not bring a line before the one it was written after.
      var latest = ""
      for line in list {
        // Times of the protocol are of one length and of one zone, so that they compare as texts.
        latest = max(latest, line.event.time)
        lines.append((latest, lines.count, line))
      }
    }
    return lines.sorted { ($0.time, $0.order) < ($1.time, $1.order) }.map(\.line)
  }
}
