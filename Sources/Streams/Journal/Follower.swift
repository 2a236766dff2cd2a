package import BerthProtocol

/// One reader's position in a stream: what an attachment is.
package struct Follower: Sendable {
  package let journal: any Journal
  /// The last event that was handed out or filtered out.
  package private(set) var position: StreamPosition?
  private let filter: TypeFilter?
  private let follow: Bool
  /// Where a reader that does not follow stops: the end at the time it began.
  private let stop: StreamPosition?
  private var hasEnded = false

  /// - Throws: `invalid_argument` where both `after` and `tail` are given, `invalid_cursor`.
  package init(_ journal: any Journal, _ params: StreamAttach.Params) throws {
    self.journal = journal
    follow = params.follow
    filter = params.types.map { TypeFilter($0) }
    stop = params.follow ? nil : try journal.endPosition()
    switch (params.after, params.tail) {
    case (_?, _?):
      throw ProtocolError(.invalidArgument, "Pass either `after` or `tail`, not both: each says where to begin.")
    case (let after?, nil): position = try journal.position(of: after)
    case (nil, let tail?): position = try journal.position(beforeLast: tail, matching: filter)
    case (nil, nil): position = nil
    }
  }

  /// The next piece: its gap comes before its events, its end after them. Nil when the end has been handed out.
  ///
  /// Waits, at no cost, until there is something. A caller that takes long for a piece finds more in the next one.
  ///
  /// - Throws: `CancellationError` when the task is cancelled; what the journal throws.
  package mutating func next(limitBytes: Int) async throws -> JournalBatch? {
    if hasEnded { return nil }
    var batch = try await journal.next(after: position, limitBytes: limitBytes, filter: filter, follow: follow)
    position = batch.position
    if !follow, batch.end == nil, batch.caughtUp || isAtStop { batch.end = .caughtUp }
    hasEnded = batch.end != nil
    return batch
  }

  private var isAtStop: Bool {
    guard let stop else { return true }
    return position.map { $0 >= stop } ?? false
  }
}
