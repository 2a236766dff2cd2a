import DequeModule

/// The last events of a stream, encoded once for all who follow it.
struct Tail {
  /// Events that follow each other, encoded.
  final class Chunk: Sendable {
    let first: UInt64
    let bytes: [UInt8]
    /// Where each event ends in `bytes`.
    let ends: [Int]

    var last: UInt64 { first + UInt64(ends.count) - 1 }

    init(first: UInt64, bytes: [UInt8], ends: [Int]) {
      self.first = first
      self.bytes = bytes
      self.ends = ends
    }

    /// The bytes of an event.
    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1] + 1)..<ends[index] }
  }

  /// How large a chunk may become by joining: small enough to be copied, large enough not to be many.
  private static let joinedBytes = 16 << 10

  private var chunks: Deque<Chunk> = []

  /// The numbers of the events that are here; nil where there are none.
  var numbers: ClosedRange<UInt64>? {
    guard let first = chunks.first, let last = chunks.last else { return nil }
    return first.first...last.last
  }

  var bytes: Int { chunks.reduce(0) { $0 + $1.bytes.count } }

  /// Adds events; where they do not follow the last one, those before are dropped.
  mutating func append(_ chunk: Chunk) {
    if let numbers, numbers.upperBound + 1 != chunk.first { removeAll() }
    if let last = chunks.last, last.bytes.count + chunk.bytes.count < Self.joinedBytes {
      chunks[chunks.count - 1] = Self.join(last, chunk)
    } else {
      chunks.append(chunk)
    }
  }

  private static func join(_ a: Chunk, _ b: Chunk) -> Chunk {
    let offset = a.bytes.count + 1
    return Chunk(
      first: a.first, bytes: a.bytes + [UInt8(ascii: ",")] + b.bytes, ends: a.ends + b.ends.map { $0 + offset })
  }

  mutating func removeAll() {
    chunks.removeAll()
  }

  /// Drops whole chunks whose events have numbers up to this one.
  mutating func drop(through number: UInt64) {
    while let chunk = chunks.first, chunk.last <= number { chunks.removeFirst() }
  }

  /// The chunks that hold the event and those behind it; nil where the event is not here.
  func chunks(from number: UInt64) -> [Chunk]? {
    guard let numbers, numbers.contains(number) else { return nil }
    var index = chunks.count - 1
    while chunks[index].first > number { index -= 1 }
    return Array(chunks[index...])
  }
}

extension JournalBatch {
  /// Takes events from chunks that follow each other, up to the limit.
  ///
  /// - Parameters:
  ///   - stream: The stream's id.
  ///   - number: The first event to look at; in the first chunk.
  mutating func take(
    _ chunks: [Tail.Chunk], stream: Int64, from number: UInt64, limitBytes: Int, filter: TypeFilter?
  ) {
    for chunk in chunks {
      let start = Int(max(number, chunk.first) - chunk.first)
      if start == 0, filter == nil, events.isEmpty, chunk.bytes.count <= limitBytes {
        // The array is shared, not copied: the usual case of a follower that keeps up.
        events = chunk.bytes
        count = chunk.ends.count
        position = StreamPosition(high: UInt64(stream), low: chunk.last)
        continue
      }
      let taken = chunk.bytes.withUnsafeBytes { bytes in
        take(chunk, bytes, from: start, limitBytes: limitBytes, filter: filter)
      }
      if taken > start {
        position = StreamPosition(high: UInt64(stream), low: chunk.first + UInt64(taken) - 1)
      }
      if taken < chunk.ends.count { return }
    }
  }

  /// - Returns: The index of the first event that was not looked at.
  private mutating func take(
    _ chunk: Tail.Chunk, _ bytes: UnsafeRawBufferPointer, from start: Int, limitBytes: Int, filter: TypeFilter?
  ) -> Int {
    for index in start..<chunk.ends.count {
      let event = UnsafeRawBufferPointer(rebasing: bytes[chunk.range(index)])
      if let filter, !filter.matches(EventEncoder.type(of: event)) { continue }
      if count > 0, events.count + 1 + event.count > limitBytes { return index }
      if count > 0 { events.append(UInt8(ascii: ",")) }
      events.append(contentsOf: event)
      count += 1
    }
    return chunk.ends.count
  }
}
