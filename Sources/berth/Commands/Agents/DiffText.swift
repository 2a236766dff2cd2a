/// What has changed in a text, short.
struct DiffText {
  let path: String
  let old: String
  let new: String

  /// More changed lines than these are only counted.
  private static let shownLines = 16
  /// Longer texts are not compared line by line.
  private static let comparedLines = 2000

  private enum Change {
    case removed(Substring)
    case added(Substring)
    case between
  }

  func lines(_ style: Style) -> [String] {
    let changes = changes()
    let added = changes.count { if case .added = $0 { true } else { false } }
    let removed = changes.count { if case .removed = $0 { true } else { false } }
    guard added + removed > 0 else { return [] }
    let counts = style(.green, "+\(added)") + " " + style(.red, "-\(removed)")
    var lines = ["    " + style(.dim, DisplayText.safe(path)) + " " + counts]
    for change in changes.prefix(Self.shownLines) {
      switch change {
      case .removed(let line): lines.append("    " + style(.red, "- " + Self.safe(line)))
      case .added(let line): lines.append("    " + style(.green, "+ " + Self.safe(line)))
      case .between: lines.append("    " + style(.dim, "⋮"))
      }
    }
    let rest = changes.count - Self.shownLines
    if rest > 0 { lines.append("    " + style(.dim, "… \(Humanize.count(rest, "line")) more")) }
    return lines
  }

  private static func safe(_ line: Substring) -> String {
    String(DisplayText.block(String(line)).prefix(400))
  }

  /// The lines that differ, with what is between two places of change left out.
  private func changes() -> [Change] {
    let old = Self.split(old)
    let new = Self.split(new)
    let start = zip(old, new).prefix { $0 == $1 }.count
    let end = zip(old[start...].reversed(), new[start...].reversed()).prefix { $0 == $1 }.count
    let before = old[start..<(old.count - end)]
    let after = new[start..<(new.count - end)]
    guard before.count + after.count <= Self.comparedLines else {
      return before.map { .removed($0) } + after.map { .added($0) }
    }
    let difference = Array(after).difference(from: Array(before))
    var (removed, inserted): (Set<Int>, Set<Int>) = ([], [])
    for change in difference {
      switch change {
      case .remove(let offset, _, _): removed.insert(offset)
      case .insert(let offset, _, _): inserted.insert(offset)
      }
    }
    var changes: [Change] = []
    var (left, right) = (0, 0)
    var isBetween = false
    while left < before.count || right < after.count {
      if removed.contains(left) {
        if isBetween { changes.append(.between) }
        changes.append(.removed(before[before.startIndex + left]))
        left += 1
        isBetween = false
      } else if inserted.contains(right) {
        if isBetween { changes.append(.between) }
        changes.append(.added(after[after.startIndex + right]))
        right += 1
        isBetween = false
      } else {
        (left, right) = (left + 1, right + 1)
        isBetween = !changes.isEmpty
      }
    }
    return changes
  }

  private static func split(_ text: String) -> [Substring] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
