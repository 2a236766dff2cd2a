/// Builds a source text line by line, at the present indentation.
struct SourceWriter {
  private(set) var text = ""
  private var level = 0
  private let indent: String

  init(indent: String = "  ") {
    self.indent = indent
  }

  mutating func line(_ content: String = "") {
    if !content.isEmpty { text += String(repeating: indent, count: level) + content }
    text += "\n"
  }

  /// Writes an opening line, an indented body and, where there is one, a closing line.
  mutating func block(_ opening: String, closing: String? = "}", _ body: (inout SourceWriter) -> Void) {
    line(opening)
    indented(body)
    if let closing { line(closing) }
  }

  mutating func indented(_ body: (inout SourceWriter) -> Void) {
    level += 1
    body(&self)
    level -= 1
  }

  /// Writes text in lines that each begin with `prefix` and keep the line length.
  mutating func wrapped(_ content: String, prefix: String, width: Int = 120) {
    let room = width - indent.count * level - prefix.count
    for wrappedLine in wrap(content, width: room) { line((prefix + wrappedLine).trimmedAtEnd) }
  }

  /// Writes `opening`, the items and `closing` on one line where they fit, else with an item a line.
  ///
  /// - Parameter hangs: Whether `closing` then follows the last item rather than standing on a line of its own.
  mutating func list(
    _ opening: String, _ items: [String], _ closing: String, trailingComma: Bool = false, hangs: Bool = false,
    width: Int = 120
  ) {
    let flat = opening + items.joined(separator: ", ") + closing
    if flat.count + indent.count * level <= width { return line(flat) }
    line(opening.trimmedAtEnd)
    indented { source in
      for (index, item) in items.enumerated() {
        let isLast = index == items.count - 1
        source.line(item + (!isLast || trailingComma ? "," : "") + (isLast && hangs ? closing : ""))
      }
    }
    if !hangs { line(String(closing.drop { $0 == " " })) }
  }
}

/// Breaks text at spaces. A word that is wider than the width gets a line of its own.
func wrap(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  var current = ""
  for word in text.split(separator: " ") {
    if !current.isEmpty, current.count + 1 + word.count > width {
      lines.append(current)
      current = ""
    }
    current += current.isEmpty ? String(word) : " " + word
  }
  lines.append(current)
  return lines
}

extension String {
  var trimmedAtEnd: String {
    var result = self
    while result.last == " " { result.removeLast() }
    return result
  }
}
