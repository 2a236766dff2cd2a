import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct LogTests {
  private func line(
    _ source: Int, _ second: Int, _ text: String, isError: Bool = false, isPartial: Bool = false
  ) -> AppLine {
    let time = "2026-11-20T22:30:\(second < 10 ? "0" : "")\(second).000Z"
    return AppLine(
      source: source,
      event: StreamEvent(
        cursor: "c\(second)", time: time, type: "app.output",
        payload: [
          "source": .string(isError ? "stderr" : "stdout"), "text": .string(text), "partial": .bool(isPartial),
        ]))
  }

  private func merged(_ lists: [[AppLine]]) -> [String] { AppLine.merged(lists).map(\.text) }

  @Test func `lines of several apps are put in the order of their times`() {
    let web = [line(0, 1, "w1"), line(0, 4, "w4"), line(0, 5, "w5")]
    let api = [line(1, 2, "a2"), line(1, 4, "a4")]
    #expect(merged([web, api]) == ["w1", "a2", "w4", "a4", "w5"])
    #expect(merged([api, [], web]) == ["w1", "a2", "a4", "w4", "w5"])
    #expect(merged([web]) == ["w1", "w4", "w5"])
    #expect(merged([]) == [])
  }

  @Test func `an app's own lines keep their order when the clock is set back`() {
    let web = [line(0, 8, "w8"), line(0, 3, "w3"), line(0, 9, "w9")]
    let api = [line(1, 4, "a4"), line(1, 9, "a9")]
    #expect(merged([web, api]) == ["a4", "w8", "w3", "w9", "a9"])
  }

  private func printed(_ lines: [AppLine], _ form: LogPrinter.Form, style: Style = Style(isOn: false)) -> String {
    final class Text { var text = "" }
    let text = Text()
    let sources = [LogSource(id: "app_1", name: "web"), LogSource(id: "app_2", name: "database")]
    var printer = LogPrinter(sources, form: form, style: style) { text.text += $0 }
    for line in lines { printer.print(line) }
    printer.finish()
    return text.text
  }

  @Test func `people see whose a line is and whether it is an error`() {
    let lines = [line(0, 1, "hello"), line(1, 2, "no\tspace \u{1B}[2J", isError: true)]
    #expect(printed(lines, .prefixed) == "web      | hello\ndatabase ! no space \u{FFFD}[2J\n")
    #expect(
      printed([line(1, 1, "x")], .prefixed, style: Style(isOn: true))
        == "\u{1B}[33mdatabase\u{1B}[0m \u{1B}[2m|\u{1B}[0m x\n")
  }

  @Test func `scripts get columns, the text alone or JSON`() throws {
    let lines = [line(0, 1, "hello"), line(1, 2, "a\tb", isError: true)]
    #expect(printed(lines, .columns) == "web\tstdout\thello\ndatabase\tstderr\ta\tb\n")
    #expect(printed(lines, .text) == "hello\na\tb\n")
    let json = try JSONParser.parse(String(printed([lines[1]], .json).dropLast()))
    #expect(json["app"] == "database")
    #expect(json["id"] == "app_2")
    #expect(json["cursor"] == "c2")
    #expect(json["payload"]?["source"] == "stderr")
  }

  @Test func `a line in parts is one line, unless another comes between`() {
    let parts = [line(0, 1, "one ", isPartial: true), line(0, 2, "line"), line(0, 3, "next")]
    #expect(printed(parts, .text) == "one line\nnext\n")
    let between = [line(0, 1, "Password: ", isPartial: true), line(1, 2, "x"), line(0, 3, "given")]
    #expect(printed(between, .prefixed) == "web      | Password: \ndatabase | x\nweb      | given\n")
    #expect(printed([line(0, 1, "prompt", isPartial: true)], .text) == "prompt\n")
  }
}
