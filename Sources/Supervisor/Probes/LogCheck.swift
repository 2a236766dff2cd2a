package import Streams

/// Waits for a line of an app's output.
package struct LogCheck: Sendable {
  /// What the line must match, for people.
  package let pattern: String
  private let journal: SegmentJournal
  private let start: StreamPosition?
  private let matches: @Sendable (UnsafeRawBufferPointer) -> Bool

  /// - Parameters:
  ///   - start: Where to begin: what was there when the app was started does not count. Nil for the beginning.
  ///   - matches: Whether the text of a line matches. It is called for every line until one does; of a line that is
  ///     longer than 16 KiB, for each part.
  package init(
    pattern: String, in journal: SegmentJournal, after start: StreamPosition?,
    matches: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool
  ) {
    self.pattern = pattern
    self.journal = journal
    self.start = start
    self.matches = matches
  }

  /// Returns when a line has matched.
  func wait() async throws {
    var place = start
    while true {
      try Task.checkCancellation()
      let seen = journal.signal.value
      let (isFound, next, isAtEnd) = try journal.search(after: place, matches)
      if isFound { return }
      place = next
      if isAtEnd { try await journal.signal.wait(past: seen) }
    }
  }
}

extension SegmentJournal {
  /// Shows the texts of lines to `matches` until one does, at most a block of them. Blocks for the disk.
  ///
  /// - Returns: Where to go on, and whether nothing more is there.
  func search(
    after position: StreamPosition?, _ matches: (UnsafeRawBufferPointer) -> Bool
  ) throws -> (isFound: Bool, place: StreamPosition?, isAtEnd: Bool) {
    let segments = try folder.segments()
    guard let first = segments.first else { return (false, position, true) }
    var place = position ?? StreamPosition(high: first, low: 0)
    guard let segment = segments.first(where: { $0 >= place.high }) else { return (false, place, true) }
    if segment > place.high { place = StreamPosition(high: segment, low: 0) }
    let outcome = try lines(segment)?.forEach(from: place.low) { line, end in
      if matches(SegmentLine(line)?.text ?? line) { return false }
      place.low = end
      return true
    }
    if outcome == .refused { return (true, place, false) }
    if outcome == .more { return (false, place, false) }
    // There was a later one before this one was read to its end, so that it grows no more.
    guard segments.last.map({ $0 > segment }) ?? false else { return (false, place, true) }
    return (false, StreamPosition(high: segment + 1, low: 0), false)
  }
}
