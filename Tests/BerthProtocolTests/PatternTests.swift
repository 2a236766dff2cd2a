@testable import BerthProtocol
import JSON
import Testing

@Suite struct PatternTests {
  private let stream = Pattern(
    "^custom/[a-z-]+(/[a-z-]+)*$", .set("c"), .set("/"), .set("a-z-", .oneOrMore),
    .group([.set("/"), .set("a-z-", .oneOrMore)], .zeroOrMore))

  @Test(arguments: ["c/a", "c/a-b", "c/a/b/c"])
  func aTextThatFitsMatches(_ text: String) {
    #expect(stream.matches(text))
  }

  @Test(arguments: ["", "c", "c/", "c/a/", "c/a//b", "c/A", "xc/a", "c/a ", "c/é"])
  func aTextMustFitFromItsBeginningToItsEnd(_ text: String) {
    #expect(!stream.matches(text))
  }

  @Test func whatMayBeLeftOutMayBeThereOnce() {
    let pattern = Pattern("^ab?c$", .set("a"), .set("b", .zeroOrOne), .set("c"))
    #expect(pattern.matches("ac"))
    #expect(pattern.matches("abc"))
    #expect(!pattern.matches("abbc"))
  }

  @Test(arguments: [
    ("workspace", true), ("a.b_c-d@e:f", true), ("-a", false), ("", false), ("a b", false), ("a\n", false),
  ])
  func generatedPatternsAreThoseOfTheDefinitions(_ key: String, _ fits: Bool) {
    let params = try? WorkspaceCreate.Params.decode(["key": .string(key)])
    #expect((params != nil) == fits)
  }
}
