import Testing

@testable import Documents

@Suite struct SourceTextTests {
  private func excerpt(_ text: String, _ line: Int, _ column: Int) -> String {
    SourceText(Array(text.utf8)).excerpt(at: DocumentPlace(line: line, column: column))
  }

  @Test(arguments: [
    ("abc", 2, "abc\n ^"), ("\tab", 2, "\tab\n\t^"), ("a\tb", 3, "a\tb\n \t^"), ("漢字x", 3, "漢字x\n    ^"),
    ("e\u{301}x", 3, "e\u{301}x\n ^"), ("😀x", 2, "😀x\n  ^"), ("a\u{1B}[2Jb", 6, "a\u{FFFD}[2Jb\n     ^"),
    ("a\u{202E}b", 3, "a\u{FFFD}b\n  ^"), ("ab", 99, "ab\n  ^"), ("ab\r", 3, "ab\n  ^"), ("", 1, "\n^"),
  ])
  func aCaretStandsBelowTheColumn(line: String, column: Int, shown: String) {
    #expect(excerpt("first\n\(line)\nlast", 2, column) == shown)
  }

  @Test func ofALongLineOnlyThePartIsShown() {
    let line = String(repeating: "a", count: 5000) + "X" + String(repeating: "b", count: 5000)
    let lines = excerpt(line, 1, 5001).split(separator: "\n")
    #expect(lines[0] == "…" + String(repeating: "a", count: 80) + "X" + String(repeating: "b", count: 79) + "…")
    #expect(lines[1].count == 82)
  }

  @Test func whatIsBehindTheTextIsEmpty() {
    #expect(excerpt("a\n", 7, 3) == "\n^")
    #expect(excerpt("a\n", 0, 0) == "\n^")
  }

  @Test func textsAreFoundOneBehindTheOther() {
    var search = SourceText(Array("ä ${A}\n  ${A} ${B}\n".utf8)).search(from: DocumentPlace(line: 1, column: 2))
    #expect(search.next("${A}") == DocumentPlace(line: 1, column: 3))
    #expect(search.next("${A}") == DocumentPlace(line: 2, column: 3))
    #expect(search.next("${B}") == DocumentPlace(line: 2, column: 8))
    #expect(search.next("${A}") == nil)
  }
}
