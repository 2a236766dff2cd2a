import Testing

@testable import Workspaces

@Suite struct LinearPatternTests {
  @Test(arguments: [
    ("", "", true), ("", "a", false), ("abc", "abc", true), ("abc", "abcd", false), ("a|b|", "b", true),
    ("a|b|", "", true), ("a*", "aaaa", true), ("a+", "", false), ("ab?c", "ac", true), ("(ab)+", "abab", true),
    ("(ab)+", "aba", false), ("(?:ab){2}", "abab", true), ("a{2,3}", "a", false), ("a{2,3}", "aaa", true),
    ("a{2,3}", "aaaa", false), ("a{2,}", "aaaaa", true), ("a{,3}", "a{,3}", true), ("{", "{", true),
    ("[a-c]+", "abcabc", true), ("[^a-c]+", "xyz", true), ("[^a-c]+", "xaz", false), ("[]a]+", "]a", true),
    ("[a\\-z]+", "a-z", true), ("[a-]", "-", true), ("[\\d_]+", "1_2", true), ("[^\\D]", "5", true),
    ("\\d{3}-\\d{4}", "555-1234", true), ("\\w+@\\w+\\.\\w+", "me@example.org", true), (".", "\n", false),
    (".", "ü", true), ("☕+", "☕☕", true), ("^abc$", "abc", true), ("a^b", "ab", false), ("(a*)*b", "aaab", true),
    ("(a|)+", "", true), ("\\s\\S", " x", true), ("a.c", "a😀c", true), ("x*?y", "xxy", true), ("\\.", ".", true),
    ("[a-zA-Z][a-zA-Z0-9_-]*", "my_App-2", true), ("((a)(b))|c", "ab", true),
  ])
  func matchesAsOtherEnginesDo(pattern: String, text: String, expected: Bool) throws {
    #expect(try LinearPattern(pattern).matchesWhole(text) == expected)
  }

  @Test(arguments: [
    "(", ")", "a)", "*a", "[a", "a**", "a\\", "(?=x)", "(?<n>x)", "\\1", "[z-a]", "a{3,2}", "\\b", "a{1,9999}",
    "((((a{100}){100}){100}){100})", "((((){1000}){1000}){1000}){1000}",
  ])
  func whatIsNoPatternIsRefused(pattern: String) {
    #expect(throws: LinearPattern.SyntaxError.self) { try LinearPattern(pattern) }
  }

  @Test(arguments: ["(a+)+b", "(a|aa)+$", "(a*)*c", "(.*)*x", "(a|b|ab)*c"])
  func patternsThatBacktrackForEverEndAtOnce(pattern: String) throws {
    let compiled = try LinearPattern(pattern)
    #expect(!compiled.matchesWhole(String(repeating: "a", count: 20_000) + "!"))
  }
}
