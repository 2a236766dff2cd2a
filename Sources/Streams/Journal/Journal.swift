package import BerthProtocol

/// A stream's content: events in an order that never changes, the oldest of which may go.
///
/// A journal knows nothing of who follows it. A follower is a position and nothing else: it costs no memory, and its
/// pace is its own.
package protocol Journal: AnyObject, Sendable {
  var name: String { get }
  var kind: StreamKind { get }
  /// Notified after events came or the journal ended.
  var signal: ChangeSignal { get }

  func info() throws -> StreamInfo

  /// - Throws: `invalid_cursor` where the cursor was not made by this journal.
  func position(of cursor: String) throws -> StreamPosition

  /// Where a reader begins who wants the last `count` events that pass the filter; nil for the beginning.
  func position(beforeLast count: Int, matching filter: TypeFilter?) throws -> StreamPosition?

  /// The last event that is there now; nil where there has been none.
  func endPosition() throws -> StreamPosition?

  /// Reads a piece, without waiting. Blocks for the disk.
  ///
  /// - Parameters:
  ///   - position: The last event that the reader has; nil for none.
  ///   - limitBytes: How large the piece may be. An event that is larger comes alone.
  func read(after position: StreamPosition?, limitBytes: Int, filter: TypeFilter?) throws -> JournalBatch
}

extension Journal {
  /// Reads the next piece, and waits for it where there is none yet.
  ///
  /// - Parameter follow: Whether to wait; without it, a batch without events comes at the end, with `end` set to
  ///   `caught_up`.
  /// - Throws: `CancellationError` when the task is cancelled; what the journal throws.
  package func next(
    after position: StreamPosition?, limitBytes: Int, filter: TypeFilter? = nil, follow: Bool = true
  ) async throws -> JournalBatch {
    var position = position
    while true {
      try Task.checkCancellation()
      let seen = signal.value
      var batch = try read(after: position, limitBytes: limitBytes, filter: filter)
      if batch.isEmpty, batch.caughtUp, !follow { batch.end = .caughtUp }
      guard batch.isEmpty else { return batch }
      position = batch.position
      // Where the filter has let nothing through, there may be more to look at.
      if batch.caughtUp { try await signal.wait(past: seen) }
    }
  }

  /// The error of ``position(of:)``.
  package func invalidCursor(_ cursor: String) -> ProtocolError {
    ProtocolError(
      .invalidCursor,
      "The cursor was not made by the stream \(name). Pass the cursor of one of its events, or none.",
      detail: "cursor \(cursor.prefix(64))")
  }
}
