package import BerthProtocol
import JSON
import Platform

/// The lines of a log as a stream of `log.line` events.
///
/// A position is a generation of the log's files and the offset behind a line. Nothing is kept in memory: every piece
/// is read from the files, however often they have been put aside since.
package final class LogJournal: Journal {
  package let name: String
  package let kind = StreamKind.log
  private let file: LogFile

  package init(name: String, file: LogFile) {
    self.name = name
    self.file = file
  }

  package var signal: ChangeSignal { file.signal }

  // MARK: Reading

  package func read(after position: StreamPosition?, limitBytes: Int, filter: TypeFilter?) throws -> JournalBatch {
    var batch = JournalBatch(position: position)
    if let filter, !filter.matches(EventType.logLine) {
      batch.position = try endPosition()
      batch.caughtUp = true
      return batch
    }
    var encoder = LineEncoder(type: EventType.logLine, limitBytes: limitBytes)
    // The time of lines that carry none, in milliseconds since 1970: that of the line before, or the file's.
    var time: Int64 = 0
    var place = position ?? Self.beginning
    while true {
      // Looked at first: what is put aside afterwards is not taken for whole.
      let current = file.generation
      guard let descriptor = try file.open(place.high) else {
        // Lines that are behind a gap come after it.
        if encoder.count > 0 { break }
        place = StreamPosition(high: file.generations.first { $0 > place.high } ?? current, low: 0)
        batch.gap = StreamGap(from: position?.cursor, to: place.cursor, reason: .retention)
        continue
      }
      let status = try descriptor.status()
      // Somebody has emptied the file in use by hand.
      if status.size < place.low { place.low = 0 }
      time = status.modified / 1_000_000
      let lines = LogLines(descriptor: descriptor, isFinal: place.high < current)
      let outcome = try lines.forEach(from: place.low, wantedBytes: limitBytes) {
        let end = StreamPosition(high: place.high, low: $1)
        time = LogTime.milliseconds(of: $0) ?? time
        encoder.setTime(milliseconds: time)
        encoder.begin("{\"line\":\"")
        encoder.append($0)
        guard encoder.finish("\"}", at: end) else { return false }
        place = end
        return true
      }
      if outcome == .refused || outcome == .more && encoder.count > 0 { break }
      if outcome == .more { continue }
      guard place.high < current else {
        batch.caughtUp = true
        break
      }
      place = StreamPosition(high: place.high + 1, low: 0)
    }
    batch.events = encoder.bytes
    batch.count = encoder.count
    if place != Self.beginning { batch.position = place }
    return batch
  }

  private static let beginning = StreamPosition(high: 1, low: 0)

  // MARK: Positions

  package func position(of cursor: String) throws -> StreamPosition {
    guard let position = StreamPosition(cursor: cursor), position.high >= 1, position.high <= file.generation else {
      throw invalidCursor(cursor)
    }
    if let size = try file.open(position.high)?.status().size, position.low > size { throw invalidCursor(cursor) }
    return position
  }

  package func endPosition() throws -> StreamPosition? {
    for generation in file.generations.reversed() {
      var last: UInt64?
      try lines(generation)?.forEachEndBackwards { end, _ in
        last = end
        return false
      }
      if let last { return StreamPosition(high: generation, low: last) }
    }
    return nil
  }

  package func position(beforeLast count: Int, matching filter: TypeFilter?) throws -> StreamPosition? {
    if let filter, !filter.matches(EventType.logLine) { return try endPosition() }
    // The wanted lines begin where the line before them ends.
    var wanted = count + 1
    let generations = file.generations
    for generation in generations.reversed() {
      var found: UInt64?
      try lines(generation)?.forEachEndBackwards { end, _ in
        wanted -= 1
        if wanted == 0 { found = end }
        return wanted > 0
      }
      if let found { return StreamPosition(high: generation, low: found) }
    }
    return generations.first.map { StreamPosition(high: $0, low: 0) }
  }

  private func lines(_ generation: UInt64) throws(SystemError) -> LogLines? {
    try file.open(generation).map { LogLines(descriptor: $0, isFinal: false) }
  }

  package func info() throws -> StreamInfo {
    let generations = file.generations
    var bytes: Int64 = 0
    for generation in generations { bytes += try file.open(generation)?.status().size ?? 0 }
    // The first line, by itself.
    let start = generations.first.map { StreamPosition(high: $0, low: 0) }
    let first = try read(after: start, limitBytes: 1, filter: nil)
    let began = try StreamEvent.decode(first.events)?.time ?? Timestamp.now()
    return StreamInfo(
      name: name, kind: kind, state: .open, events: 0, bytes: Int(bytes), first: first.count > 0 ? first.last : nil,
      last: try endPosition()?.cursor, createdAt: began)
  }
}

extension StreamEvent {
  /// The only event of a piece; nil where there is none.
  fileprivate static func decode(_ events: [UInt8]) throws -> StreamEvent? {
    events.isEmpty ? nil : try Decoding.decode(StreamEvent.self, from: JSONParser.parse(events))
  }
}
