import GRDB
import Storage
import Synchronization

/// The journals of the database that somebody holds, and how they learn of commits.
///
/// A stream that nobody follows has no journal object: appending to it costs nothing but the rows.
final class LiveJournals: Sendable {
  private struct Entry: Sendable {
    weak var journal: StoredJournal?
  }

  private struct Table {
    var entries: [String: Entry] = [:]
    /// At how many entries those without a journal are thrown out.
    var sweepCount = 64
  }

  private let database: Storage.Database
  private let budget = TailBudget(maxBytes: 2 << 20)
  private let table = Mutex(Table())
  /// The streams that the present transaction has touched. There is one writer, and so one transaction.
  private let touched = Mutex<Set<String>>([])

  init(database: Storage.Database) {
    self.database = database
  }

  /// The journal of a stream; nil where there is no stream of that name.
  func open(_ name: String) throws -> StoredJournal? {
    if let journal = journal(name), !journal.isDeleted { return journal }
    guard let row = try database.read({ db in try StreamRow.find(name, in: db) }) else { return nil }
    return table.withLock { table in
      if let journal = table.entries[name]?.journal, journal.id == row.id { return journal }
      let journal = StoredJournal(row, database: database, budget: budget)
      table.entries[name] = Entry(journal: journal)
      if table.entries.count > table.sweepCount {
        table.entries = table.entries.filter { $0.value.journal != nil }
        table.sweepCount = max(64, 2 * table.entries.count)
      }
      return journal
    }
  }

  private func journal(_ name: String) -> StoredJournal? {
    table.withLock { $0.entries[name]?.journal }
  }

  /// Tells the journals of these streams that something was committed. Called on the writer's connection right after
  /// the commit, so that commits are told in their order.
  func publish(_ names: some Sequence<String>, in db: GRDB.Database) {
    for name in names { journal(name)?.publish(in: db) }
  }

  /// Does the same for one stream when the present transaction is committed, and nothing when it is rolled back.
  func publishAfterTransaction(_ name: String, in db: GRDB.Database) {
    let isFirst = touched.withLock { touched in
      touched.insert(name)
      return touched.count == 1
    }
    guard isFirst else { return }
    db.afterNextTransaction { db in
      self.publish(self.takeTouched(), in: db)
    } onRollback: { _ in
      _ = self.takeTouched()
    }
  }

  private func takeTouched() -> Set<String> {
    touched.withLock { touched in
      defer { touched = [] }
      return touched
    }
  }
}
