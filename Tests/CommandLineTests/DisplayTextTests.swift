import Testing

@testable import berth

@Suite struct DisplayTextTests {
  @Test func `control characters never reach the terminal`() {
    #expect(DisplayText.safe("a\u{1B}[31mb") == "a\u{FFFD}[31mb")
    #expect(DisplayText.safe("a\nb\tc\r\nd") == "a b c  d")
    #expect(DisplayText.safe("a\u{9B}b\u{7F}c\u{202E}d") == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d")
    #expect(DisplayText.safe("Größe 日本 👩‍👩‍👧") == "Größe 日本 👩‍👩‍👧")
  }

  static let widths: [(String, Int)] = [
    ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("🚀", 2), ("❤️", 2), ("👩‍👩‍👧", 2),
  ]

  @Test(arguments: widths)
  func `width counts columns`(text: String, width: Int) {
    #expect(DisplayText.width(text) == width)
  }

  @Test func `what is too long is cut`() {
    #expect(DisplayText.cut("abcdef", to: 6) == "abcdef")
    #expect(DisplayText.cut("abcdef", to: 4) == "abc…")
    #expect(DisplayText.cut("abcdef", to: 4, keepsEnd: true) == "…def")
    #expect(DisplayText.cut("日本語", to: 4) == "日…")
    #expect(DisplayText.cut("abc", to: 1) == "…")
    #expect(DisplayText.cut("abc", to: 0) == "")
  }
}

@Suite struct TableTests {
  let plain = Style(isOn: false)

  func table(_ path: String) -> Table {
    var table = Table(.left("NAME"), .right("SIZE"), .path("PATH"))
    table.add("a", "1", .init(path))
    table.add("long name", "1234", "/x")
    return table
  }

  @Test func `columns are aligned on a terminal`() {
    #expect(
      table("/home/me").lines(width: 80, style: plain) == [
        "NAME       SIZE  PATH",
        "a             1  /home/me",
        "long name  1234  /x",
      ])
  }

  @Test func `a path gives way and keeps its end`() {
    let lines = table("/home/me/some/where/far/away").lines(width: 30, style: plain)
    #expect(lines[1] == "a             1  …ere/far/away")
    #expect(lines.allSatisfy { DisplayText.width($0) <= 30 })
  }

  @Test func `scripts get tabs and everything`() {
    #expect(table("/a\tb\nc").lines(width: nil, style: plain) == ["a\t1\t/a b c", "long name\t1234\t/x"])
  }

  @Test func `colours do not count as width`() {
    var table = Table(.left("A"), .left("B"))
    table.add(.init("x", .red), "y")
    table.add(.init("xx", .plain), "y")
    let lines = table.lines(width: 80, style: Style(isOn: true))
    #expect(lines[1] == "\u{1B}[31mx\u{1B}[0m   y")
    #expect(lines[2] == "xx  y")
  }
}

@Suite struct HumanizeTests {
  static let sizes: [(Int, String)] = [
    (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1449, "1.4 kB"), (9949, "9.9 kB"), (9950, "10 kB"),
    (999_499, "999 kB"),
    (999_500, "1 MB"), (12_345_678, "12 MB"), (5_000_000_000, "5 GB"),
  ]

  @Test(arguments: sizes)
  func `bytes are put short`(count: Int, text: String) {
    #expect(Humanize.bytes(count) == text)
  }

  static let durations: [(Double, String)] = [
    (0.0004, "0.4 ms"), (0.25, "250 ms"), (1, "1 s"), (9.94, "9.9 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"),
    (3 * 3600 + 25 * 60 + 7, "3 h 25 min"), (90000, "1 d 1 h"),
  ]

  @Test(arguments: durations)
  func `durations are put short`(seconds: Double, text: String) {
    #expect(Humanize.duration(seconds: seconds) == text)
  }

  @Test func `ages are told back and forth`() {
    let now: Int64 = 1_800_000_000_000_000_000
    let day: Int64 = 86_400_000_000_000
    #expect(Humanize.age("2027-01-15T08:00:00.000Z", now: now) == "now")
    #expect(Humanize.age("2027-01-15T08:00:00.000Z", now: now + 180_000_000_000) == "3 min ago")
    #expect(Humanize.age("2027-01-15T08:00:00.000Z", now: now + day) == "1 day ago")
    #expect(Humanize.age("2027-01-15T08:00:00.000Z", now: now - 2 * day) == "in 2 days")
    #expect(Humanize.age("yesterday", now: now) == "yesterday")
  }

  @Test func `modes are written as by ls`() {
    #expect(Humanize.mode(0o755) == "rwxr-xr-x")
    #expect(Humanize.mode(0o640) == "rw-r-----")
  }
}
