import BerthProtocol
import GRDB
import Storage

extension StreamStore {
  /// Appends what several calls bring, in one transaction where that is possible.
  static func commit(
    _ requests: [AppendRequest], database: Storage.Database, live: LiveJournals, retention: Retention, now: Int64
  ) -> [AppendRequest.Outcome] {
    do {
      return try database.writeWithoutTransaction { db in
        var outcomes: [AppendRequest.Outcome] = []
        var transaction = AppendTransaction(db, now: now)
        try db.inTransaction(.immediate) {
          for request in requests {
            do {
              outcomes.append(.success(try transaction.append(request)))
            } catch let refusal as ProtocolError {
              outcomes.append(.failure(refusal))
            }
          }
          try transaction.finish()
          return .commit
        }
        live.publish(transaction.rows.keys, in: db)
        retention.note(transaction.rows.values)
        return outcomes
      }
    } catch {
      guard requests.count > 1 else { return [.failure(error)] }
      // One of them may be what does not fit on the disk; it shall not take the others with it.
      return requests.flatMap { commit([$0], database: database, live: live, retention: retention, now: now) }
    }
  }
}
