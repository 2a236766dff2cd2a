import BerthProtocol
import JSON

/// Prints lines of apps.
struct LogPrinter {
  enum Form {
    /// For people: the app's name in a colour of its own, `|` or `!` (standard error), the text.
    case prefixed
    /// For scripts: the app's name, `stdout` or `stderr`, the text, with tabs between.
    case columns
    /// The text alone.
    case text
    /// The event, with the app.
    case json
  }

  private static let looks: [Style.Look] = [.cyan, .yellow, .green, .magenta, .blue]

  private let write: (String) -> Void
  private let style: Style
  private let form: Form
  private let sources: [LogSource]
  private let width: Int
  /// Whose line has not ended yet.
  private var open: (source: Int, isError: Bool)?

  init(_ output: Output, _ sources: [LogSource], form: Form) {
    self.init(sources, form: form, style: output.style) { output.write($0.utf8) }
  }

  init(_ sources: [LogSource], form: Form, style: Style, write: @escaping (String) -> Void) {
    (self.sources, self.form, self.style, self.write) = (sources, form, style, write)
    width = sources.reduce(0) { max($0, DisplayText.width(DisplayText.safe($1.name))) }
  }

  mutating func print(_ line: AppLine) {
    guard form != .json else { return write(json(line) + "\n") }
    var text = ""
    if let open {
      // Another one's line comes between: this one is taken up again below it.
      if open != (line.source, line.isError) { text = "\n" + prefix(line) }
    } else {
      text = prefix(line)
    }
    text += form == .prefixed ? DisplayText.coloured(line.text, keepsColours: style.isOn) : line.text
    write(line.isPartial ? text : text + "\n")
    open = line.isPartial ? (line.source, line.isError) : nil
  }

  /// Ends a line that has not ended by itself.
  mutating func finish() {
    if open != nil { write("\n") }
    open = nil
  }

  private func prefix(_ line: AppLine) -> String {
    let name = sources[line.source].name
    switch form {
    case .prefixed:
      let shown = DisplayText.safe(name)
      let padding = String(repeating: " ", count: width - DisplayText.width(shown))
      let look = Self.looks[line.source % Self.looks.count]
      return style(look, shown + padding) + " " + (line.isError ? style(.red, "!") : style(.dim, "|")) + " "
    case .columns: return "\(name)\t\((line.isError ? OutputSource.stderr : .stdout).rawValue)\t"
    case .text, .json: return ""
    }
  }

  private func json(_ line: AppLine) -> String {
    let event = line.event
    return JSONValue.object([
      "app": .string(sources[line.source].name), "id": .string(sources[line.source].id),
      "cursor": .string(event.cursor), "time": .string(event.time), "type": .string(event.type),
      "payload": event.payload,
    ]).jsonString
  }
}
