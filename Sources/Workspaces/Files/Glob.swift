/// A pattern for paths, as `.gitignore` and shells have them.
///
/// `*` stands for any characters but `/`, `?` for one, `[a-z]`, `[!a-z]` and `[[:alpha:]]` for one of a set, `\` takes
/// the next character as it is. A part `**` stands for any number of folders: at the beginning or in the middle for
/// none as well, at the end for all that is inside. A pattern without a slash is matched against the last part of a
/// path. A slash at the beginning only ties the pattern to the top; one at the end makes it match folders alone.
struct Glob: Sendable, Hashable {
  /// One part of the pattern.
  private enum Part: Sendable, Hashable {
    case name(NamePattern)
    /// `**`
    case folders
  }

  private let parts: [Part]
  /// Whether only the last part of a path counts.
  private let matchesName: Bool
  /// Whether only folders match.
  let matchesFoldersOnly: Bool

  /// nil for a pattern that can match nothing: one that ends in the middle of a `[…]` or of a `\`, or is empty.
  init?(_ pattern: some Sequence<UInt8>) {
    var pattern = Array(pattern)[...]
    matchesFoldersOnly = pattern.last == slash && pattern.count > 1
    if matchesFoldersOnly { pattern.removeLast() }
    matchesName = !pattern.contains(slash)
    if pattern.first == slash { pattern.removeFirst() }
    guard !pattern.isEmpty else { return nil }
    var parts: [Part] = []
    for part in pattern.split(separator: slash, omittingEmptySubsequences: false) {
      if part.elementsEqual([star, star]) && !matchesName {
        if parts.last != .folders { parts.append(.folders) }
      } else {
        guard let name = NamePattern(part) else { return nil }
        parts.append(.name(name))
      }
    }
    self.parts = parts
  }

  /// Whether the pattern matches the path that consists of `names`, below the folder that the pattern is for.
  func matches(_ names: ArraySlice<ArraySlice<UInt8>>, isFolder: Bool) -> Bool {
    if matchesFoldersOnly && !isFolder { return false }
    guard matchesName else { return matches(names) }
    guard let name = names.last, case .name(let pattern)? = parts.first else { return false }
    return pattern.matches(name)
  }

  /// Whether something below the folder could match: false means that the folder need not be looked into.
  func couldMatch(below folder: ArraySlice<ArraySlice<UInt8>>) -> Bool {
    if matchesName { return true }
    for (part, name) in zip(parts, folder) {
      guard case .name(let pattern) = part else { return true }
      if !pattern.matches(name) { return false }
    }
    return folder.count < parts.count
  }

  /// Matches part by part. Where it fails, the last `**` takes one folder more: earlier ones need not be tried again,
  /// since whatever they could take, the last one can take too.
  private func matches(_ names: ArraySlice<ArraySlice<UInt8>>) -> Bool {
    var part = 0
    var index = names.startIndex
    var retry: (part: Int, index: Int)?
    while true {
      if part == parts.count {
        if index == names.endIndex { return true }
      } else if case .name(let pattern) = parts[part] {
        if index < names.endIndex, pattern.matches(names[index]) {
          part += 1
          index += 1
          continue
        }
      } else {
        // At the end it takes all that is left, which must be something.
        if part == parts.count - 1 { return index < names.endIndex }
        part += 1
        retry = (part, index)
        continue
      }
      guard let last = retry, last.index < names.endIndex else { return false }
      retry = (last.part, last.index + 1)
      (part, index) = (last.part, last.index + 1)
    }
  }
}

private let slash = UInt8(ascii: "/")
private let star = UInt8(ascii: "*")
