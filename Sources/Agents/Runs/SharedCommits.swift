import GRDB
import Platform
import Storage
import Synchronization

/// Writes in one transaction what several runs have to write at the same time.
///
/// The first of them has the transaction put behind whatever else is about to be done on the runs' threads: what those
/// have to write in turn goes along with it. One that is alone waits for nobody.
final class SharedCommits: Sendable {
  private struct Item: Sendable {
    let write: @Sendable (GRDB.Database) throws -> Void
    let written: CheckedContinuation<Void, any Error>
  }

  private let database: Storage.Database
  private let pool: WorkerPool
  private let waiting = Mutex<[Item]>([])

  init(database: Storage.Database, pool: WorkerPool) {
    self.database = database
    self.pool = pool
  }

  /// Returns when it is committed.
  func run(_ write: @escaping @Sendable (GRDB.Database) throws -> Void) async throws {
    try await withCheckedThrowingContinuation { written in
      let isFirst = waiting.withLock { waiting in
        waiting.append(Item(write: write, written: written))
        return waiting.count == 1
      }
      if isFirst { Task(executorPreference: pool) { self.commit() } }
    }
  }

  private func commit() {
    let items = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for (item, outcome) in zip(items, outcomes(of: items[...])) { item.written.resume(with: outcome) }
  }

  private func outcomes(of items: ArraySlice<Item>) -> [Result<Void, any Error>] {
    do {
      try database.write { db in
        for item in items { try item.write(db) }
      }
      return items.map { _ in .success(()) }
    } catch {
      // One of them may be what does not fit on the disk; it shall not take the others with it.
      return items.count == 1 ? [.failure(error)] : items.flatMap { outcomes(of: [$0]) }
    }
  }
}
