import JSON
import Testing

@testable import Documents

private func yaml(_ text: String) -> Document { Document(Array(text.utf8), format: .yaml) }
private func json(_ text: String) -> Document { Document(Array(text.utf8), format: .json) }

extension Document {
  /// Each fault as `line:column code`.
  fileprivate var told: [String] { faults.map { "\($0.place.line):\($0.place.column) \($0.code)" } }

  /// The place of the value at a way of keys.
  fileprivate func place(_ keys: String...) -> String? {
    var node = root
    for key in keys {
      guard case .mapping(let members)? = node?.content else { return nil }
      node = members.first { $0.key == key }?.value
    }
    return node.map { "\($0.place.line):\($0.place.column)" }
  }
}

@Suite struct DocumentTests {
  @Test(
    arguments: [
      ("null", nil), ("~", nil), ("true", true), ("False", false), ("yes", "yes"), ("off", "off"), ("12", 12),
      ("-3", -3), ("+4", 4), ("0x1F", 31), ("0o17", 15), ("007", 7), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0),
      (".inf", ".inf"), ("nan", "nan"), ("inf", "inf"), ("0x1.8p3", "0x1.8p3"), ("1:30", "1:30"), ("1_000", "1_000"),
      ("'12'", "12"), ("\"true\"", "true"), ("!!str 12", "12"), ("!!int '12'", 12), ("2024-01-02", "2024-01-02"),
    ] as [(String, JSONValue)])
  func plainScalarsHaveTheTypesOfTheCoreSchema(text: String, value: JSONValue) {
    let document = yaml("a: \(text)")
    #expect(document.root?.jsonValue["a"] == value)
    #expect(document.faults.isEmpty)
  }

  @Test func valuesAndKeysHavePlaces() {
    let document = yaml("# 漢字\nä: {\"b\": [1, 2]}\nc:\n  - x\n")
    #expect(document.place("ä") == "2:4")
    #expect(document.place("ä", "b") == "2:10")
    #expect(document.place("c") == "4:3")
    let same = json("{\n  \"ä\": {\"b\": 1}, \"漢\": 2}")
    #expect(same.place("ä") == "2:8")
    #expect(same.place("ä", "b") == "2:14")
    #expect(same.place("漢") == "2:23")
  }

  @Test func jsonIsReadStrictlyAndWithAllItsEscapes() {
    #expect(json(#"{"a": "\ud83d\ude00\/"}"#).root?.jsonValue == ["a": "😀/"])
    #expect(json("\u{FEFF}{\"a\": 1}").root?.jsonValue == ["a": 1])
    #expect(json("{a: 1}").told == ["1:2 syntax"])
    #expect(json("{\"a\": 1}\n x").told == ["2:2 syntax"])
    #expect(json("").root == nil)
  }

  @Test func eachKeyThatComesTwiceIsToldAndTheFirstCounts() {
    let document = yaml("a: 1\nb: {c: 1, c: 2, c: 3}\na: 2\n")
    #expect(document.told == ["2:11 duplicateKey", "2:17 duplicateKey", "3:1 duplicateKey"])
    #expect(document.root?.jsonValue == ["a": 1, "b": ["c": 1]])
    #expect(json(#"{"a": 1, "\u0061": 2}"#).told == ["1:10 duplicateKey"])
  }

  @Test func mappingsAreMergedAndTheirOwnMembersCount() {
    let document = yaml("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {'<<': 1}\n")
    #expect(document.faults.isEmpty)
    #expect(document.root?.jsonValue["c"] == ["x": 3, "y": 1, "z": 2])
    #expect(document.root?.jsonValue["d"] == ["<<": 1])
  }

  @Test func aliasesCannotMakeADocumentHuge() {
    var text = "a0: &a0 [x, x]\n"
    for level in 1...40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    #expect(yaml(text).told.first?.hasSuffix("limit") == true)
    // As keys, which must be compared with each other.
    #expect(yaml(text + "? *a12\n: x\n? *a12\n: y\n").root == nil)
    #expect(yaml("a: &a [*a]").told == ["1:8 syntax"])
    #expect(yaml("a: *b").told == ["1:4 syntax"])
  }

  @Test(arguments: ["[", "{a: ", "- "])
  func deepNestingIsRefusedInBothFormats(opening: String) {
    #expect(yaml(String(repeating: opening, count: 100_000)).root == nil)
    #expect(yaml(String(repeating: opening, count: 80)).root == nil)
    #expect(json(String(repeating: "[", count: 100_000)).told == ["1:65 limit"])
  }

  @Test func sizeIsBounded() {
    #expect(yaml(String(repeating: "#", count: Document.Limit.bytes + 1)).told == ["1:1 limit"])
    #expect(yaml(String(repeating: "- x\n", count: 30_000)).told == ["20000:3 limit"])
    #expect(json("[" + String(repeating: "1,", count: 30_000) + "1]").told.first?.hasSuffix("limit") == true)
  }

  @Test func oneDocumentIsReadAndASecondIsTold() {
    let document = yaml("---\na: 1\n...\n---\na: 2\n")
    #expect(document.root?.jsonValue == ["a": 1])
    #expect(document.told == ["4:1 unsupported"])
    #expect(yaml("# nothing\n").root == nil)
    #expect(yaml("# nothing\n").faults.isEmpty)
  }

  @Test func faultsOfTheTextHaveTheirPlace() {
    #expect(yaml("a: 1\n\tb: 2\n").told == ["2:1 syntax"])
    #expect(yaml("a: \"x\nb: 1\n").told == ["1:4 syntax"])
    #expect(yaml("a: \u{1}").told == ["1:4 syntax"])
    #expect(Document([0x61, 0x3A, 0x20, 0x0A, 0xC3, 0xA4, 0xFF], format: .yaml).told == ["2:2 syntax"])
    #expect(yaml("a: !mine x\n? [b]\n: c\n").told == ["1:4 unsupported", "2:3 unsupported"])
  }
}
