/// Puts together what is printed of a run: which line is open, where an empty one helps, and the line that is drawn over.
struct RunLayout {
  enum Sink: Sendable { case words, activity }

  /// What belongs together on the screen.
  enum Block: Sendable { case prompt, message, thought, output, tools, plan, question, note }

  struct Piece: Equatable, Sendable {
    let sink: Sink
    var text: String
  }

  /// Whether both sinks are shown in one place.
  let isShared: Bool
  private var pieces: [Piece] = []
  /// Whose line has not ended, in each sink.
  private var open: [Sink: Block] = [:]
  private var last: Block?
  /// Whether what comes next is apart from the last block, also where it is of the same kind.
  private var hasEnded = false
  /// What is drawn at the moment and goes away with the next piece.
  private var drawn: String?
  private static let erasing = "\r\u{1B}[K"

  init(isShared: Bool) {
    self.isShared = isShared
  }

  // MARK: Printing

  /// Adds text, whose last line stays open.
  ///
  /// - Parameter look: Makes what is safe to print of it coloured.
  mutating func text(_ text: String, in block: Block, to sink: Sink, look: (String) -> String = { $0 }) {
    guard !text.isEmpty else { return }
    begin(block, sink)
    append(look(text), sink)
    open[sink] = text.last == "\n" ? nil : block
  }

  mutating func line(_ text: String, in block: Block, to sink: Sink = .activity) {
    begin(block, sink)
    append(text + "\n", sink)
    open[sink] = nil
  }

  /// Ends lines that are open.
  mutating func endLines() {
    for sink in [Sink.words, .activity] where open[sink] != nil {
      append("\n", sink)
      open[sink] = nil
    }
  }

  /// What comes next is apart from what was, also where it is of the same kind.
  mutating func endBlock() {
    endLines()
    hasEnded = true
  }

  /// Whether text of this block goes on with a line that is open.
  func isOpen(_ block: Block) -> Bool { open.values.contains(block) }

  private mutating func begin(_ block: Block, _ sink: Sink) {
    erase()
    if isShared {
      if open.contains(where: { $0.value != block || $0.key != sink }) { endLines() }
      if let last, last != block || hasEnded, last.isApart || block.isApart { append("\n", .activity) }
    } else if let other = open[sink], other != block {
      append("\n", sink)
    }
    last = block
    hasEnded = false
  }

  private mutating func append(_ text: String, _ sink: Sink) {
    if pieces.last?.sink == sink {
      pieces[pieces.count - 1].text += text
    } else {
      pieces.append(Piece(sink: sink, text: text))
    }
  }

  // MARK: The line that is drawn over

  private mutating func erase() {
    guard drawn != nil else { return }
    append(Self.erasing, .activity)
    drawn = nil
  }

  /// Something else has ended the line that was drawn.
  mutating func forgetDrawn() { drawn = nil }

  /// Hands over what is to be printed, with a line at its end that goes away again.
  mutating func take(drawing line: String?) -> [Piece] {
    let line = isShared && !open.isEmpty ? nil : line
    if line != drawn {
      erase()
      if let line { append(line, .activity) }
      drawn = line
    }
    defer { pieces = [] }
    return pieces
  }
}

extension RunLayout.Block {
  /// Whether an empty line stands before and behind it.
  fileprivate var isApart: Bool {
    switch self {
    case .prompt, .message, .thought, .plan, .question: true
    case .output, .tools, .note: false
    }
  }
}
