import Platform
import Testing

@Suite struct ProgramCodeTests {
  /// How much code is mapped into this process's memory, in KiB.
  private func residentCode() throws -> Int {
    let bytes = try #require(try SmallFile.read("/proc/self/smaps"))
    var isCode = false
    var total = 0
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count >= 5, words[0].contains("-") { isCode = words[1] == "r-xp" && words.count > 5 }
      if isCode, words.first == "Rss:" { total += Int(words[1]) ?? 0 }
    }
    return total
  }

  @Test func `code that was let go of is mapped no more, and comes back where it is needed`() throws {
    let before = try residentCode()
    ProgramCode.letGo()
    #expect(try residentCode() < before * 3 / 4)
  }
}
