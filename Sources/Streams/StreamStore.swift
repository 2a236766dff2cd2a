package import BerthProtocol
import GRDB
import Platform
package import Storage
import Synchronization

/// All streams of a home: those in its database, and those that other parts of the server keep elsewhere and enter
/// here.
///
/// Everything that blocks for the disk is called on a thread that may.
package final class StreamStore: Sendable {
  let database: Storage.Database
  /// The present, in milliseconds since 1970.
  let now: @Sendable () -> Int64
  let live: LiveJournals
  private let commits: CommitQueue
  private let entered = Mutex<[String: any Journal]>([:])
  let retention: Retention

  package static let migrations = StreamRow.migrations

  /// - Parameters:
  ///   - retention: How long events are kept, until ``setRetention(_:)``.
  ///   - now: The clock, in milliseconds since 1970.
  package init(
    database: Storage.Database, retention config: StreamsConfig,
    now: @escaping @Sendable () -> Int64 = { Timestamp.nanosecondsNow() / 1_000_000 }
  ) {
    self.database = database
    self.now = now
    let live = LiveJournals(database: database)
    self.live = live
    let retention = Retention(config, database: database, live: live)
    self.retention = retention
    commits = CommitQueue { requests in
      Self.commit(requests, database: database, live: live, retention: retention, now: now())
    }
  }

  /// Changes how long events are kept from now on.
  package func setRetention(_ config: StreamsConfig) {
    retention.set(config)
  }

  // MARK: Journals

  /// Enters a journal that is kept elsewhere: log files, or memory.
  package func register(_ journal: any Journal) {
    entered.withLock { $0[journal.name] = journal }
  }

  /// Takes a journal out again; its followers keep it until they have read it.
  package func unregister(_ journal: any Journal) {
    entered.withLock { entered in
      if entered[journal.name] === journal { entered[journal.name] = nil }
    }
  }

  var enteredJournals: [any Journal] { entered.withLock { Array($0.values) } }

  /// - Throws: `stream_not_found`.
  package func journal(_ name: String) throws -> any Journal {
    if let journal = entered.withLock({ $0[name] }) { return journal }
    if let journal = try live.open(name) { return journal }
    throw Self.notFound(name)
  }

  /// A new reader of a stream.
  ///
  /// - Throws: `stream_not_found`, `invalid_cursor`, `invalid_argument`.
  package func follow(_ params: StreamAttach.Params) throws -> Follower {
    try Follower(journal(params.stream), params)
  }

  // MARK: Appending

  /// Appends events to a stream, which is made where it is missing. They are committed when the call returns; calls
  /// that come at the same time share a transaction. Inside a transaction, ``record(_:type:payload:in:)`` does this.
  ///
  /// - Parameter close: Whether the stream ends with these.
  /// - Throws: `stream_closed`, `no_space`, `database_unavailable`. Nothing was appended then.
  @discardableResult
  package func append(
    _ stream: String, _ events: [NewJournalEvent], close: Bool = false, idempotency: Idempotency.Call? = nil
  ) throws -> AppendResult {
    defer { trimOverfull() }
    return try commits.run(AppendRequest(stream, events, close: close, idempotency: idempotency))
  }

  /// The same, suspending instead of blocking while others' events are being committed.
  @discardableResult
  package func append(
    _ stream: String, _ events: [NewJournalEvent], close: Bool = false, idempotency: Idempotency.Call? = nil
  ) async throws -> AppendResult {
    defer { trimOverfull() }
    return try await commits.run(AppendRequest(stream, events, close: close, idempotency: idempotency))
  }

  /// Cuts what has grown too large. The events are committed whatever comes of this; ``enforceRetention()`` will meet
  /// the same error and tell it.
  private func trimOverfull() {
    try? retention.trimOverfull()
  }

  static func notFound(_ name: String) -> ProtocolError {
    ProtocolError(
      .streamNotFound, "There is no stream \(name). `stream/list` tells which there are; it may have been removed.")
  }

  static func closed(_ name: String) -> ProtocolError {
    ProtocolError(.streamClosed, "The stream \(name) is closed and takes no further events. Append to a new one.")
  }
}
