package import BerthProtocol
import Storage

/// `stream/append`: streams of the callers' own.
extension StreamStore {
  /// - Throws: `stream_closed`, `idempotency_conflict`, `no_space`, `database_unavailable`.
  package func append(_ params: StreamAppend.Params) throws -> AppendResult {
    try append(
      params.stream, params.events.map { NewJournalEvent($0) }, close: params.close, idempotency: Self.call(params))
  }

  /// The same, suspending while others' events are being committed.
  package func append(_ params: StreamAppend.Params) async throws -> AppendResult {
    try await append(
      params.stream, params.events.map { NewJournalEvent($0) }, close: params.close, idempotency: Self.call(params))
  }

  private static func call(_ params: StreamAppend.Params) -> Idempotency.Call? {
    params.idempotencyKey.map {
      Idempotency.Call(scope: StreamAppend.description.name, key: $0, params: params)
    }
  }
}
