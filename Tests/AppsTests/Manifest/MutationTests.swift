import Testing

@testable import Apps

/// A generator that gives the same numbers on every run (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

@Suite struct MutationTests {
  private static let pieces = [
    "{", "}", "[", "]", ":", ": ", "- ", "\n", "\t", "\"", "'", "&a ", "*a", "<<: *a", "!!str ", "!x ", "? ", "| ",
    "${",
    "${A}", "$$", "~", "0", "-1", "1e999", "true", "\u{0}", "\u{FEFF}", "漢", "---\n", "...\n", "# ", "\r",
  ].map { Array($0.utf8) }

  @Test(.timeLimit(.minutes(5)))
  func noMutationCrashesOrHangs() throws {
    let seeds = ["wild", "berth", "wrong"].flatMap(Fixture.all)
    let texts = try seeds.map { (name: $0.name, bytes: try $0.bytes) }
    var generator = SeededGenerator(state: 42)
    for _ in 0..<2000 {
      let seed = try #require(texts.randomElement(using: &generator))
      var bytes = seed.bytes
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        let place = Int.random(in: 0...bytes.count, using: &generator)
        let end = min(bytes.count, place + Int.random(in: 0...12, using: &generator))
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes.removeSubrange(place..<end)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 2: bytes.insert(contentsOf: Self.pieces.randomElement(using: &generator) ?? [], at: place)
        case 3:
          let other = texts.randomElement(using: &generator)?.bytes ?? []
          let start = Int.random(in: 0...other.count, using: &generator)
          bytes.insert(contentsOf: other[start..<min(other.count, start + 40)], at: place)
        default: bytes.append(contentsOf: bytes[place..<end])
        }
      }
      let reading = ManifestFile.read(bytes, name: seed.name)
      #expect((reading.manifest == nil) == reading.findings.hasErrors)
      _ = reading.rendered(file: seed.name)
      if let manifest = reading.manifest {
        _ = manifest.missingNames(in: [:])
        _ = try? manifest.environment(over: ["A": "1"], portNumbers: ["http": 1])
      }
    }
  }

  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      "app_id: a\nstart: x\nenv_contract:\n" + String(repeating: "- AAAAAAAA\n", count: 19_000),
      "app_id: a\nstart: x\nenv:\n  A: '" + String(repeating: "${A}", count: 15_000) + "'\n",
      "app_id: a\nstart: x\n" + (0..<9000).map { "unknown\($0): 1\n" }.joined(),
      "app_id: a\nstart: x\nports: [" + (0..<9000).map { "p\($0)," }.joined() + "]\n",
      "app_id: a\nstart: x\nenv: {" + (0..<990).map { "V\($0): '${V\($0 + 1)}'," }.joined() + "}\n",
      "app_id: a\nstart: x\ndepends_on: [" + (0..<9000).map { "p\($0)," }.joined() + "]\n",
      "app_id: a\nstart: x\nname: '" + String(repeating: "é", count: 400_000) + "'\n",
    ])
  func largeManifestsAreReadInReasonableTime(text: String) {
    let reading = ManifestFile.read(Array(text.utf8), name: "app.runtime.yaml")
    _ = reading.rendered(file: "app.runtime.yaml")
    _ = try? reading.manifest?.environment(over: [:], portNumbers: [:])
  }
}
