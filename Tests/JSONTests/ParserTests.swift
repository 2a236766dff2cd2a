import JSON
import Testing

@Suite struct ParserTests {
  @Test(
    arguments: [
      ("null", JSONValue.null), ("true", true), (" false ", false), ("0", 0), ("-0", 0), ("-12", -12),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1.5", 1.5), ("1e3", 1000.0), ("2.0", 2.0),
      (#""a\n\u00e9\ud83d\ude00\/""#, "a\né😀/"), (#""\ud800x""#, "\u{FFFD}x"), ("[]", []), ("[1,[2]]", [1, [2]]),
      (#"{"a":1,"b":{"c":[]}}"#, ["a": 1, "b": ["c": []]]), (#"{"a":1,"a":2}"#, ["a": 2]),
    ] as [(String, JSONValue)]) func `reads what is JSON`(text: String, value: JSONValue) throws
  {
    let parsed = try JSONParser.parse(text)
    if case .object(let object) = value {
      for member in object.members { #expect(parsed[member.key] == member.value) }
    } else {
      #expect(parsed == value)
    }
  }

  @Test(arguments: [
    "", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "+1", "NaN", "[1,]", "[,1]", "[1 2]", "{a:1}", #"{"a"}"#,
    #"{"a":}"#, #"{"a":1,}"#, #""a"#, #""\x""#, #""\u12g4""#, "\"\u{1}\"", "1 2", "\u{FEFF}1", "'a'", "/**/1", "1e999",
  ]) func `refuses what is not JSON`(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(text) }
  }

  @Test func `refuses bytes that are not UTF-8`() {
    let faulty: [[UInt8]] = [
      [0xFF], [0xC0, 0xAF], [0xC2], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xF0, 0x9F, 0x98],
      [0xE2, 0x82],
    ]
    for bytes in faulty {
      #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([0x22] + bytes + [0x22]) }
    }
  }

  @Test func `takes 512 levels and refuses one more`() throws {
    let deepest = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
    _ = try JSONParser.parse(deepest)
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse("[\(deepest)]") }
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(String(repeating: "[", count: 100_000)) }
  }

  @Test func `tells line and column of a fault`() {
    let text = Array("{\n  \"a\": 1,\n  b\n}".utf8)
    do {
      _ = try JSONParser.parse(text)
      Issue.record("it was taken")
    } catch {
      #expect(error.location(in: text) == (3, 3))
    }
  }

  @Test func `finds the place of a path`() throws {
    let text = Array("{\n \"a\": [\n  1,\n  {\"b\": true}\n ]\n}".utf8)
    let place = try #require(JSONPlace.find(["a", 1, "b"], in: text))
    #expect(place == (4, 9))
    let parent = try #require(JSONPlace.find(["a", 1, "missing"], in: text))
    #expect(parent == (4, 3))
  }

  @Test func `every text is read back as it was written`() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let value = Self.value(depth: 0, &random)
      #expect(try JSONParser.parse(value.jsonString) == value)
      #expect(try JSONParser.parse(PrettyJSON.text(value)) == value)
    }
  }

  private static func value(depth: Int, _ random: inout SystemRandomNumberGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth < 4 ? 7 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(.random(using: &random))
    case 2: return .integer(.random(in: .min ... .max, using: &random))
    case 3: return .number(.random(in: -1e9...1e9, using: &random) + 0.5)
    case 4: return .string(text(&random))
    case 5: return .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(depth: depth + 1, &random) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0..<4, using: &random) { object[text(&random)] = value(depth: depth + 1, &random) }
      return .object(object)
    }
  }

  private static func text(_ random: inout SystemRandomNumberGenerator) -> String {
    let pieces = ["a", "quoted \"", "back\\slash", "\n\t\u{0}\u{1F}", "é", "漢字", "😀", "plain text of some length", "/"]
    return (0..<Int.random(in: 0..<6, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
  }
}

@Suite struct MergePatchTests {
  /// The examples of RFC 7396, appendix A.
  @Test(arguments: [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
    (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
    (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
    (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"), (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
    (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
  ]) func `patches as RFC 7396 says`(target: String, patch: String, result: String) throws {
    let patched = try JSONParser.parse(target).mergePatch(JSONParser.parse(patch))
    #expect(patched == (try JSONParser.parse(result)))
  }
}

@Suite struct DecodingTests {
  @Test func `tells every fault with its path`() {
    do {
      _ = try Decoding.decode([String: [Int]].self, from: ["a": [1, "x", 2.5], "b": true])
      Issue.record("it was taken")
    } catch {
      #expect(error.faults.map(\.loc) == [["a", 1], ["a", 2], ["b"]])
      #expect(error.faults.allSatisfy { $0.type == "type" })
    }
  }

  @Test func `a number without a fraction is an integer`() throws {
    #expect(try Decoding.decode(Int.self, from: 2.0) == 2)
    #expect(throws: DecodingFaults.self) { try Decoding.decode(Int.self, from: 1e300) }
  }
}
