package import BerthProtocol
package import JSON

/// A piece of a stream, as it goes over the wire.
package struct JournalBatch: Sendable {
  /// Encoded `StreamEvent`s, joined with commas: what stands between the brackets of an array.
  package var events: [UInt8] = []
  /// How many events these are.
  package var count = 0
  /// The last event that was looked at, whether the filter let it through or not: where the next piece begins. Nil
  /// where the stream is empty and was read from its beginning.
  package var position: StreamPosition?
  /// What is missing before the first event of the piece.
  package var gap: StreamGap?
  /// Whether the piece reaches to the end of what is there now.
  package var caughtUp = false
  /// Why nothing comes after the piece; nil where more may come.
  package var end: EndReason?

  package init(position: StreamPosition?) {
    self.position = position
  }

  /// What a client passes as `after` for the next piece.
  package var last: String? { position?.cursor }
  package var closed: Bool { end != nil }
  /// Whether there is nothing to tell but, perhaps, a new position.
  package var isEmpty: Bool { count == 0 && gap == nil && end == nil }
}

/// A `StreamPage` whose events are encoded already.
package struct JournalPage: JSONEncodable, Sendable {
  package let batch: JournalBatch

  package init(_ batch: JournalBatch) {
    self.batch = batch
  }

  package func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.key(plain: "events")
    writer.beginArray()
    writer.rawElements(batch.events)
    writer.endArray()
    if let last = batch.last {
      writer.key(plain: "next")
      writer.string(last)
    }
    writer.key(plain: "eof")
    writer.bool(batch.closed)
    writer.key(plain: "caughtUp")
    writer.bool(batch.caughtUp)
    if let gap = batch.gap {
      writer.key(plain: "gap")
      gap.encode(into: &writer)
    }
    writer.endObject()
  }
}
