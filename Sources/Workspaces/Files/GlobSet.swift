package import BerthProtocol

/// The globs of a request, of which one has to match: `Glob`, and `{a,b}` for either of several.
///
/// A glob with a slash is matched against the whole path below the workspace's folder.
package struct GlobSet: Sendable {
  private let globs: [Glob]

  /// How many globs the alternatives of one may come to.
  private static let maxAlternatives = 256

  /// - Throws: `invalid_argument` for a glob that can match nothing or has too many alternatives.
  package init(_ patterns: [String]) throws(ProtocolError) {
    var globs: [Glob] = []
    for pattern in patterns {
      guard let alternatives = Self.alternatives(of: Array(pattern.utf8)) else {
        throw ProtocolError(
          .invalidArgument,
          "The glob `\(pattern)` stands for more than \(Self.maxAlternatives) patterns. Write it as several globs.")
      }
      for alternative in alternatives {
        guard let glob = Glob(alternative) else {
          throw ProtocolError(
            .invalidArgument, "The glob `\(pattern)` is not complete: a `[`, `{` or `\\` in it has no end.")
        }
        globs.append(glob)
      }
    }
    self.globs = globs
  }

  /// Whether one of the globs matches the path that consists of `names`.
  package func matches(_ names: [ArraySlice<UInt8>], isFolder: Bool) -> Bool {
    globs.contains { $0.matches(names[...], isFolder: isFolder) }
  }

  /// Whether something below the folder could match.
  package func couldMatch(below names: [ArraySlice<UInt8>]) -> Bool {
    globs.contains { $0.couldMatch(below: names[...]) }
  }

  /// Writes out the `{a,b}` of a glob, nested ones too; nil where that comes to too many. A brace without an end, and
  /// one without a comma, stand for themselves.
  static func alternatives(of pattern: [UInt8]) -> [[UInt8]]? {
    var done: [[UInt8]] = []
    var open = [pattern]
    while let pattern = open.popLast() {
      guard let (range, choices) = firstBraces(in: pattern) else {
        done.append(pattern)
        continue
      }
      for choice in choices.reversed() {
        open.append(Array(pattern[..<range.lowerBound] + choice + pattern[range.upperBound...]))
      }
      if done.count + open.count > maxAlternatives { return nil }
    }
    return done
  }

  /// The first `{…}` with a comma at its own level, and what stands between its commas.
  private static func firstBraces(in pattern: [UInt8]) -> (Range<Int>, [ArraySlice<UInt8>])? {
    var start = pattern.startIndex
    while let open = unescaped(UInt8(ascii: "{"), in: pattern[start...]) {
      var depth = 0
      var begin = open + 1
      var choices: [ArraySlice<UInt8>] = []
      var index = open
      while index < pattern.endIndex {
        switch pattern[index] {
        case UInt8(ascii: "\\"): index += 1
        case UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "}"): depth -= 1
        case UInt8(ascii: ",") where depth == 1:
          choices.append(pattern[begin..<index])
          begin = index + 1
        default: break
        }
        if depth == 0 { break }
        index += 1
      }
      if depth == 0, index < pattern.endIndex, !choices.isEmpty {
        return (open..<(index + 1), choices + [pattern[begin..<index]])
      }
      start = open + 1
    }
    return nil
  }

  private static func unescaped(_ byte: UInt8, in pattern: ArraySlice<UInt8>) -> Int? {
    var index = pattern.startIndex
    while index < pattern.endIndex {
      if pattern[index] == byte { return index }
      index += pattern[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return nil
  }
}
