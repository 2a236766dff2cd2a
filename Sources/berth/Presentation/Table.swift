/// Rows in columns: aligned and fitted to the width on a terminal; separated by tabs, whole and without a header
/// elsewhere, as `cut` and `awk` like them.
struct Table {
  struct Column {
    var title: String
    var alignsRight = false
    /// Whether it gives way where the terminal is narrow.
    var gives = false
    /// Whether its end is more telling than its beginning, as in paths.
    var keepsEnd = false

    static func left(_ title: String) -> Column { Column(title: title) }
    static func right(_ title: String) -> Column { Column(title: title, alignsRight: true) }
    static func text(_ title: String) -> Column { Column(title: title, gives: true) }
    static func path(_ title: String) -> Column { Column(title: title, gives: true, keepsEnd: true) }
  }

  struct Cell: ExpressibleByStringInterpolation {
    var text: String
    var look: Style.Look

    init(_ text: String, _ look: Style.Look = .plain) {
      self.text = DisplayText.safe(text)
      self.look = look
    }

    init(stringLiteral value: String) { self.init(value) }
  }

  /// A column that gives way keeps at least this much.
  private static let narrowest = 12
  private static let gap = 2

  let columns: [Column]
  private(set) var rows: [[Cell]] = []

  init(_ columns: Column...) {
    self.columns = columns
  }

  mutating func add(_ cells: Cell...) {
    rows.append(cells)
  }

  /// - Parameters:
  ///   - width: The terminal's; nil for tabs.
  func lines(width: Int?, style: Style) -> [String] {
    guard let width else { return rows.map { row in row.map(\.text).joined(separator: "\t") } }
    let widths = fit(to: width)
    let header = columns.map { Cell($0.title, .dim) }
    return ([header] + rows).map { line($0, widths, style) }
  }

  private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
    var line = ""
    for (index, cell) in cells.enumerated() {
      let column = columns[index]
      let text = DisplayText.cut(cell.text, to: widths[index], keepsEnd: column.keepsEnd)
      let padding = String(repeating: " ", count: widths[index] - DisplayText.width(text))
      let isLast = index == cells.count - 1
      if column.alignsRight {
        line += padding + style(cell.look, text)
      } else {
        line += style(cell.look, text) + (isLast ? "" : padding)
      }
      if !isLast { line += String(repeating: " ", count: Self.gap) }
    }
    return line
  }

  /// The columns' widths: what they need, less what the widest of those that give way have to give.
  private func fit(to width: Int) -> [Int] {
    var widths = columns.indices.map { index in
      rows.reduce(DisplayText.width(columns[index].title)) { max($0, DisplayText.width($1[index].text)) }
    }
    var excess = widths.reduce(0, +) + Self.gap * (columns.count - 1) - width
    while excess > 0 {
      let giving = columns.indices.filter { columns[$0].gives && widths[$0] > Self.narrowest }
      guard let widest = giving.max(by: { widths[$0] < widths[$1] }) else { break }
      // Down to the next one that gives way, so that several narrow at the same rate.
      let next = giving.filter { widths[$0] < widths[widest] }.map { widths[$0] }.max() ?? Self.narrowest
      let given = max(1, min(excess, widths[widest] - next))
      widths[widest] -= given
      excess -= given
    }
    return widths
  }
}

/// What is known of one thing: a row a fact.
struct Details {
  private var facts: [(name: String, value: String, look: Style.Look)] = []

  /// Adds a fact; nothing where the value is nil.
  mutating func add(_ name: String, _ value: String?, _ look: Style.Look = .plain) {
    guard let value else { return }
    facts.append((name, DisplayText.safe(value), look))
  }

  func lines(forTerminal isTerminal: Bool, style: Style) -> [String] {
    guard isTerminal else { return facts.map { "\($0.name)\t\($0.value)" } }
    let width = facts.reduce(0) { max($0, $1.name.count) }
    return facts.map { fact in
      style(.dim, fact.name) + String(repeating: " ", count: width - fact.name.count + 2) + style(fact.look, fact.value)
    }
  }
}
