package import BerthProtocol
package import GRDB
import GRDBSQLite

/// The database of a home: one SQLite file in WAL mode, with one writer and a few readers.
///
/// Calls block, and are made on threads that may. Errors of SQLite come out as `ProtocolError`: `no_space` for a full
/// disk, `database_unavailable` for the rest. Violated constraints stay GRDB's `DatabaseError`, for the domain that
/// declared them. Whatever is thrown, the transaction it was thrown from has left nothing behind.
package final class Database: Sendable {
  package let path: String
  private let pool: DatabasePool

  /// Opens the file, making it where it is missing, and brings its tables up to date.
  ///
  /// - Parameters:
  ///   - durability: What a finished transaction survives. SQLite in WAL mode with `synchronous` at NORMAL hands it to
  ///     the operating system, which outlives the server; at FULL it waits for the disk.
  ///   - migrations: Those of every domain, each domain's in order.
  ///   - checkingWhole: Whether to look for damage in all of the file, however large it is. Without it, that is done
  ///     where it takes no time.
  /// - Throws: `StorageError`. A file of a newer version, of another program or a damaged one is left untouched.
  package init(
    path: String, durability: Durability, migrations: [Migration], checkingWhole: Bool = false
  ) throws(StorageError) {
    self.path = path
    let migrations = Idempotency.migrations + Self.migrations + migrations
    try DatabaseFile(path: path).inspect(
      knownMigrations: Set(migrations.map(\.name)), checkedBytes: checkingWhole ? .max : Self.checkedBytes)
    do {
      pool = try DatabasePool(path: path, configuration: Self.configuration)
      try pool.writeWithoutTransaction { db in
        // GRDB sets NORMAL when it turns WAL mode on, so this comes last.
        if durability == .full { try db.execute(sql: "PRAGMA synchronous = FULL") }
        try db.execute(sql: "PRAGMA wal_autocheckpoint = \(Self.checkpointPages)")
        try db.execute(sql: "PRAGMA journal_size_limit = \(Self.logBytes)")
        if try Int.fetchOne(db, sql: "PRAGMA application_id") == 0 {
          try db.execute(sql: "PRAGMA application_id = \(DatabaseFile.applicationID)")
          try db.execute(sql: "PRAGMA user_version = \(DatabaseFile.generation)")
        }
      }
      var migrator = DatabaseMigrator()
      for migration in migrations { migrator.registerMigration(migration.name, migrate: migration.migrate) }
      try migrator.migrate(pool)
    } catch {
      throw Self.openingError(error, path: path)
    }
  }

  /// Reads what was committed when the call began; nothing that is committed meanwhile is seen.
  package func read<T>(_ body: (GRDB.Database) throws -> T) throws -> T {
    try translating { try pool.read(body) }
  }

  /// Runs a transaction: committed when `body` returns, rolled back when it throws. One runs at a time.
  package func write<T>(_ body: (GRDB.Database) throws -> T) throws -> T {
    try translating { try pool.write(body) }
  }

  /// Has the writer to itself, and begins and ends transactions as it sees fit.
  package func writeWithoutTransaction<T>(_ body: (GRDB.Database) throws -> T) throws -> T {
    try translating { try pool.writeWithoutTransaction(body) }
  }

  /// Commits a small transaction; throws what a call that writes would throw now.
  package func checkWritable() throws {
    try write { db in
      try db.execute(sql: "UPDATE storage_probe SET written = written + 1")
    }
  }

  /// Reads the whole file and compares its parts; takes a while on a large one.
  ///
  /// - Returns: What is wrong with it, in SQLite's words; empty where all is well.
  package func findDamage() throws -> [String] {
    let findings = try read { db in try String.fetchAll(db, sql: "PRAGMA quick_check(10)") }
    return findings == ["ok"] ? [] : findings
  }

  /// Forgets idempotency keys that have expired, and gives free pages back to the file system, some at a time.
  ///
  /// The server calls it every few minutes.
  package func maintain() throws {
    try write { db in
      try Idempotency.prune(in: db)
      try db.execute(sql: "PRAGMA incremental_vacuum(\(Self.vacuumPages))")
    }
  }

  /// Merges the write-ahead log into the file and closes every connection; what is called later throws.
  package func close() throws {
    // Where somebody reads or the disk is full, the log stays, and the next start reads it.
    _ = try? pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
    try translating { try pool.close() }
  }

  /// Runs `body` and puts SQLite's errors into words.
  private func translating<T>(_ body: () throws -> T) throws -> T {
    do {
      return try body()
    } catch let error as DatabaseError where error.resultCode != .SQLITE_CONSTRAINT {
      throw ProtocolError(error, systemError: systemError(behind: error), path: path)
    }
  }

  /// The writer's last `errno`; readers meet none that need telling apart.
  private func systemError(behind error: DatabaseError) -> Int32 {
    guard error.resultCode == .SQLITE_IOERR else { return 0 }
    return pool.unsafeReentrantWrite { sqlite3_system_errno($0.sqliteConnection) }
  }
}

// MARK: - Setting up

extension Database {
  /// The log is merged into the file when it has grown to this many pages of 4 KiB; each merge waits for the disk.
  private static let checkpointPages = 4000
  /// To what size the log is cut when it has been merged.
  private static let logBytes = 16 << 20
  private static let vacuumPages = 2000
  /// Files up to this size are looked through for damage at each start; larger ones would delay it.
  private static let checkedBytes = 8 << 20

  private static let migrations = [
    Migration("storage.probe") { db in
      try db.execute(sql: "CREATE TABLE storage_probe (written INTEGER NOT NULL)")
      try db.execute(sql: "INSERT INTO storage_probe VALUES (0)")
    }
  ]

  /// Memory is kept small: hot state lives in the domains, and the page cache of the system serves the rest.
  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "database"
    configuration.foreignKeysEnabled = true
    configuration.busyMode = .timeout(10)
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { db in
      // Takes effect in a new file only, and there before the first table.
      if !db.configuration.readonly { try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL") }
      try db.execute(sql: "PRAGMA cache_size = \(db.configuration.readonly ? -512 : -2048)")
      try db.execute(sql: "PRAGMA mmap_size = 0")
      try db.execute(sql: "PRAGMA temp_store = MEMORY")
    }
    return configuration
  }

  private static func openingError(_ error: any Error, path: String) -> StorageError {
    guard let error = error as? DatabaseError else {
      return StorageError(.unavailable, path: path, detail: "\(error)")
    }
    let code: StorageError.Code =
      switch error.resultCode {
      case .SQLITE_FULL: .noSpace
      case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged
      default: .unavailable
      }
    return StorageError(code, path: path, detail: error.message ?? "\(error.extendedResultCode)")
  }
}
