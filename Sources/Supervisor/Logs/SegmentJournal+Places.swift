import Platform
package import Streams

/// Where to begin reading: so many lines back, or at some time.
extension SegmentJournal {
  /// Where a reader begins who wants what `app/logs` asks for; nil for the beginning.
  ///
  /// - Parameters:
  ///   - tail: The most lines that are wanted, counted from the end.
  ///   - sinceSeconds: Nothing that was written earlier; in seconds since 1970, with fractions.
  package func position(tail: Int?, sinceSeconds: Double?) throws -> StreamPosition? {
    let byTime = try sinceSeconds.flatMap { try position(since: Self.nanoseconds($0)) }
    let byCount = try tail.flatMap { try position(beforeLastLines: $0) }
    switch (byTime, byCount) {
    case (let byTime?, let byCount?): return max(byTime, byCount)
    case (let one, let other): return one ?? other
    }
  }

  private static func nanoseconds(_ seconds: Double) -> Int64 {
    let nanoseconds = (seconds * 1e9).rounded()
    return nanoseconds < 9e18 ? Int64(max(nanoseconds, -9e18)) : .max
  }

  // MARK: Tail

  /// Where the last `count` lines begin, found from the end. Parts of a line count with it; an unfinished last line is
  /// one. Nil where there is nothing.
  func position(beforeLastLines count: Int) throws -> StreamPosition? {
    let segments = try folder.segments()
    var found: StreamPosition?
    var counted = 0
    var isLast = true
    for segment in segments.reversed() {
      guard let lines = try lines(segment) else { break }
      /// Behind the line that begins at the place at hand.
      var end: UInt64?
      // A line that begins here, and ends at `end`, is one of those that are wanted or the last one that is not.
      func visit(_ start: UInt64, _ head: UnsafeRawBufferPointer) -> Bool {
        defer { end = start }
        guard let lineEnd = end else { return true }
        if isLast || SegmentLine(head)?.isWhole ?? true { counted += 1 }
        isLast = false
        guard counted > count else { return true }
        found = StreamPosition(high: segment, low: lineEnd)
        return false
      }
      try lines.forEachEndBackwards(visit)
      if found == nil, try !visitBeginning(of: segment, visit) { break }
      if found != nil { break }
    }
    return found ?? segments.first.map { StreamPosition(high: $0, low: 0) }
  }

  /// Shows the first line of a segment, which no line feed stands before.
  private func visitBeginning(
    of segment: UInt64, _ visit: (UInt64, UnsafeRawBufferPointer) -> Bool
  ) throws -> Bool {
    guard let descriptor = try folder.open(segment) else { return false }
    return try withUnsafeTemporaryAllocation(byteCount: SegmentLine.textOffset, alignment: 8) { head in
      let count = try descriptor.read(into: head, at: 0)
      return visit(0, UnsafeRawBufferPointer(rebasing: head[..<count]))
    }
  }

  // MARK: Time

  /// Behind the last line that was written before a time, found by bisection; nil where there is nothing at all.
  ///
  /// - Parameter time: In nanoseconds since 1970.
  package func position(since time: Int64) throws -> StreamPosition? {
    let segments = try folder.segments()
    // The last segment that begins before the time; one without a line begins after it.
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if try firstLine(of: segments[middle], from: 0)?.time ?? .max < time { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return segments.first.map { StreamPosition(high: $0, low: 0) } }
    let segment = segments[low - 1]
    guard let lines = try lines(segment), var upper = try folder.open(segment).map({ UInt64(try $0.status().size) })
    else { return StreamPosition(high: segment, low: 0) }
    // And in it the last line that begins before the time: its place is behind `lower` and before `upper`.
    var lower: UInt64 = 0
    while upper > lower + Self.searchedBytes {
      let middle = (lower + upper) / 2
      if let line = try firstLine(of: segment, from: middle), line.start < upper, line.time < time {
        lower = line.start
      } else {
        upper = middle
      }
    }
    var place = lower
    while true {
      let outcome = try lines.forEach(from: place) { line, end in
        if let found = SegmentLine.time(of: line), found >= time { return false }
        place = end
        return true
      }
      if outcome != .more { return StreamPosition(high: segment, low: place) }
    }
  }

  /// How much is looked through line by line.
  private static let searchedBytes: UInt64 = 16 << 10

  /// The first line that begins at or behind an offset and tells its time.
  private func firstLine(of segment: UInt64, from offset: UInt64) throws -> (start: UInt64, time: Int64)? {
    guard let lines = try lines(segment) else { return nil }
    // What stands before the first line feed is the rest of a line, unless the file begins there.
    var isLineStart = offset == 0
    var start = offset
    while true {
      var found: (UInt64, Int64)?
      let outcome = try lines.forEach(from: start, wantedBytes: Int(Self.searchedBytes)) { line, end in
        if isLineStart, let time = SegmentLine.time(of: line) {
          found = (start, time)
          return false
        }
        isLineStart = true
        start = end
        return true
      }
      if let found { return found }
      guard outcome == .more else { return nil }
    }
  }
}
