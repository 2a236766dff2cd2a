/// The patterns of ssh_config(5) and sshd(8): `*`, `?`, and `!` before one that must not match.
enum HostPattern {
  /// Whether `text` matches one pattern, which has no `!`.
  static func matches(_ text: String, _ pattern: some StringProtocol) -> Bool {
    let text = Array(text.utf8)
    let pattern = Array(pattern.utf8)
    var (t, p) = (0, 0)
    // Where to go on when what came after the last `*` does not match.
    var retry: (text: Int, pattern: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        p += 1
        retry = (t, p)
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        t += 1
        p += 1
      } else if let from = retry {
        t = from.text + 1
        p = from.pattern
        retry = (t, p)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// Whether `text` matches one of the patterns and none of those that have a `!`.
  static func matches(_ text: String, anyOf patterns: some Sequence<some StringProtocol>) -> Bool {
    var isMatched = false
    for pattern in patterns {
      if pattern.first == "!" {
        if matches(text, pattern.dropFirst()) { return false }
      } else if matches(text, pattern) {
        isMatched = true
      }
    }
    return isMatched
  }
}
