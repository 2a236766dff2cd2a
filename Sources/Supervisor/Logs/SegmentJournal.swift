package import BerthProtocol
import JSON
import Platform
package import Streams
import Synchronization

/// What an app writes, as a stream of `app.output` events: the segments in the folder that its shims log to.
///
/// A position is a segment's number and the offset behind a line in it, so it holds over rotation, over the app's
/// restarts and over the server's. Nothing is kept in memory, and nothing is held open: every piece is read from the
/// files, at the pace of whoever reads.
package final class SegmentJournal: Journal {
  package let name: String
  package let kind = StreamKind.log
  package let signal = ChangeSignal()
  let folder: SegmentFolder
  private let isClosed = Atomic(false)

  /// - Parameters:
  ///   - name: The stream's name.
  ///   - folder: The absolute path of the folder. It need not exist yet.
  package init(name: String, folder: String) {
    self.name = name
    self.folder = SegmentFolder(path: folder)
  }

  /// Wakes the followers, after the shim has written.
  package func noteGrowth() {
    signal.notify()
  }

  /// Ends the stream: followers get what there is, and then the end.
  package func close() {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    signal.notify()
  }

  // MARK: Reading

  package func read(after position: StreamPosition?, limitBytes: Int, filter: TypeFilter?) throws -> JournalBatch {
    // Looked at first: nothing is written after it.
    let isClosed = isClosed.load(ordering: .sequentiallyConsistent)
    var batch = JournalBatch(position: position)
    if let filter, !filter.matches(EventType.appOutput) {
      batch.position = try endPosition() ?? position
      batch.caughtUp = true
    } else if let start = try position ?? beginning() {
      try read(from: start, limitBytes: limitBytes, into: &batch)
    } else {
      batch.caughtUp = true
    }
    if isClosed, batch.caughtUp { batch.end = .closed }
    return batch
  }

  private func read(from start: StreamPosition, limitBytes: Int, into batch: inout JournalBatch) throws {
    var reader = SegmentReader(from: start, limitBytes: limitBytes)
    if batch.position == nil, start.high > SegmentFolder.first {
      batch.gap = StreamGap(from: nil, to: start.cursor, reason: .retention)
    }
    // Whether the segment at hand is known to grow no more.
    var isFinal = false
    while true {
      guard let descriptor = try folder.open(reader.place.high) else {
        // Lines that are behind a gap come after it.
        if reader.count > 0 { break }
        guard let next = try segment(behind: reader.place.high) else {
          batch.caughtUp = true
          break
        }
        let place = StreamPosition(high: next, low: 0)
        batch.gap = StreamGap(from: batch.position?.cursor, to: place.cursor, reason: .retention)
        reader.move(to: place)
        continue
      }
      let status = try descriptor.status()
      // Somebody has emptied the file by hand.
      if status.size < reader.scanned.low { reader.move(to: StreamPosition(high: reader.place.high, low: 0)) }
      reader.setTime(milliseconds: status.modified / 1_000_000)
      let lines = LogLines(descriptor: descriptor, isFinal: isFinal)
      // Lines of some hundred bytes become events of one and a half times their size.
      let wantedBytes = min(limitBytes, LogLines.blockBytes * 2) * 5 / 8
      let outcome = try lines.forEach(from: reader.scanned.low, wantedBytes: wantedBytes) { reader.take($0, end: $1) }
      if outcome == .refused || outcome == .more && reader.count > 0 { break }
      if outcome == .more { continue }
      if isFinal {
        guard reader.flush() else { break }
        reader.move(to: StreamPosition(high: reader.place.high + 1, low: 0))
        isFinal = false
      } else if status.links == 0 || folder.exists(reader.place.high + 1) {
        // It may have grown between the reading and this look, and does so no more.
        isFinal = true
      } else {
        batch.caughtUp = reader.flush()
        break
      }
    }
    batch.events = reader.bytes
    batch.count = reader.count
    if batch.position != nil || reader.place != start { batch.position = reader.place }
  }

  private func beginning() throws(SystemError) -> StreamPosition? {
    try folder.segments().first.map { StreamPosition(high: $0, low: 0) }
  }

  /// Where it goes on when a segment is gone. Nil where there is nothing.
  private func segment(behind missing: UInt64) throws(SystemError) -> UInt64? {
    let segments = try folder.segments()
    // Where none is higher, the log was removed and begun anew.
    return segments.first { $0 > missing } ?? segments.first { $0 < missing }
  }

  // MARK: Positions

  package func position(of cursor: String) throws -> StreamPosition {
    guard let position = StreamPosition(cursor: cursor), position.high <= (try folder.segments().last ?? 0) else {
      throw invalidCursor(cursor)
    }
    if let size = try folder.open(position.high)?.status().size, position.low > size {
      throw invalidCursor(cursor)
    }
    return position
  }

  package func endPosition() throws -> StreamPosition? {
    for segment in try folder.segments().reversed() {
      var last: UInt64?
      try lines(segment)?.forEachEndBackwards { end, _ in
        last = end
        return false
      }
      if let last { return StreamPosition(high: segment, low: last) }
    }
    return nil
  }

  package func position(beforeLast count: Int, matching filter: TypeFilter?) throws -> StreamPosition? {
    if let filter, !filter.matches(EventType.appOutput) { return try endPosition() }
    return try position(beforeLastLines: count)
  }

  func lines(_ segment: UInt64) throws(SystemError) -> LogLines? {
    try folder.open(segment).map { LogLines(descriptor: $0, isFinal: false) }
  }

  package func info() throws -> StreamInfo {
    let segments = try folder.segments()
    var bytes: Int64 = 0
    for segment in segments { bytes += try folder.open(segment)?.status().size ?? 0 }
    // The first line, by itself.
    let start = segments.first.map { StreamPosition(high: $0, low: 0) }
    let first = try read(after: start, limitBytes: 1, filter: nil)
    let event = first.count > 0 ? try Decoding.decode(StreamEvent.self, from: JSONParser.parse(first.events)) : nil
    return StreamInfo(
      name: name, kind: kind, state: isClosed.load(ordering: .relaxed) ? .closed : .open, events: 0,
      bytes: Int(bytes), first: first.count > 0 ? first.last : nil, last: try endPosition()?.cursor,
      createdAt: event?.time ?? Timestamp.now())
  }
}
