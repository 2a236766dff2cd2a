import Testing

@testable import berth

@Suite struct LaneBoardTests {
  private static let second: Int64 = 1_000_000_000

  private func board(_ names: String...) -> LaneBoard {
    LaneBoard(names, style: Style(isOn: false))
  }

  @Test func `each machine has a line, with its step, how long, and what was written last`() {
    var board = board("web1", "database")
    board.begin(0, now: 0)
    board.step(0, "Install Python")
    board.words(0, "Unpacking python3")
    #expect(
      board.lines(now: 75 * Self.second, width: 80, height: 24) == [
        "● web1      Install Python  1 min 15 s  Unpacking python3", "○ database  waiting",
      ])
    board.step(0, "Verify")
    #expect(board.lines(now: Self.second / 2, width: 80, height: 24).first == "● web1      Verify  0 s")
  }

  @Test func `a line is never as wide as the terminal`() {
    var board = board("web1", "日本")
    for index in 0...1 {
      board.begin(index, now: 0)
      board.step(index, String(repeating: "step ", count: 20))
      board.words(index, String(repeating: "語", count: 80))
    }
    for width in 12...120 {
      for line in board.lines(now: 100 * Self.second, width: width, height: 24) {
        #expect(DisplayText.width(line) < width, "\(width): \(line)")
      }
    }
  }

  @Test func `a terminal that is too low shows those that are at work`() {
    var board = LaneBoard((1...20).map { "m\($0)" }, style: Style(isOn: false))
    for index in [4, 19] {
      board.begin(index, now: 0)
      board.step(index, "install")
    }
    let lines = board.lines(now: 0, width: 80, height: 6)
    #expect(lines.count == 5)
    #expect(lines[0].hasPrefix("● m5 ") && lines[1].hasPrefix("● m20 "))
    #expect(lines[4] == "… and 16 more")
    #expect(board.lines(now: 0, width: 80, height: 0).count == 2)
  }

  @Test func `what has ended is drawn no longer`() {
    var board = board("web1", "web2")
    board.begin(0, now: 0)
    #expect(
      board.endLine(0, .done, "connected: python 3.13", now: 3 * Self.second) == "✓ web1  connected: python 3.13  3 s")
    board.end(0)
    #expect(board.lines(now: 0, width: 80, height: 24) == ["○ web2  waiting"])
    #expect(board.endLine(1, .failed, "not\u{1B}[2J begun", now: 0) == "✗ web2  not\u{FFFD}[2J begun")
  }

  @Test func `what machines write can't act on the terminal`() {
    var board = board("web\u{1B}[2J1")
    board.begin(0, now: 0)
    board.step(0, "a\nb")
    board.words(0, "\u{1B}]0;title\u{7}")
    let line = board.lines(now: 0, width: 80, height: 24)[0]
    #expect(!line.unicodeScalars.contains { $0.value < 0x20 })
  }
}

@Suite struct TypedKeysTests {
  private func typed(_ pieces: String...) -> (text: String, leaves: Bool) {
    var keys = TypedKeys(hasEscape: true)
    return pieces.reduce(into: ("", false)) { result, piece in
      let next = keys.take(Array(piece.utf8))
      result = (result.0 + next.text, result.1 || next.leaves)
    }
  }

  @Test func `a tilde and a dot at the start of a line leave`() {
    #expect(typed("~.") == ("", true))
    #expect(typed("ls\r", "~", ".") == ("ls\r", true))
    #expect(typed("ls\r~.rest") == ("ls\r", true))
    #expect(typed("ls ~.") == ("ls ~.", false))
    #expect(typed("a\r~~x") == ("a\r~x", false))
    #expect(typed("~x") == ("~x", false))
    #expect(typed("~\r~.") == ("~\r", true))
    #expect(typed("é~.") == ("é~.", false))
  }

  @Test func `a pipe has no such tilde`() {
    var keys = TypedKeys(hasEscape: false)
    #expect(keys.take(Array("~.\n".utf8)) == ("~.\n", false))
  }

  @Test func `a character that comes in pieces is sent whole`() {
    var keys = TypedKeys(hasEscape: true)
    let bytes = Array("a語😀".utf8)
    let texts = bytes.map { keys.take([$0]).text }
    #expect(texts == ["a", "", "", "語", "", "", "", "😀"])
    // What is no UTF-8 is not waited for.
    #expect(keys.take([0xC3]).text == "")
    #expect(keys.take([0x28]).text == "\u{FFFD}(")
    #expect(keys.take([0xFF]).text.isEmpty == false)
  }
}
