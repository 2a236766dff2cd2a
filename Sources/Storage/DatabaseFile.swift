import GRDB
import GRDBSQLite
import Glibc
import Platform

/// The database file as it lies on the disk, before it is opened for writing.
struct DatabaseFile {
  let path: String

  /// `Brth`: what SQLite's header calls the application that a file belongs to.
  static let applicationID: UInt32 = 0x4272_7468
  /// The meaning of the tables that every version must understand: `grdb_migrations` and this number itself. It is
  /// raised only when an older version could not even read the names of the migrations.
  static let generation: UInt32 = 1

  private static let magic = Array("SQLite format 3\0".utf8)
  private static let headerBytes = 100

  /// Throws where the file must not be opened for writing: it is from a newer version, damaged, or another program's.
  ///
  /// The file is only read. Where no write-ahead log lies beside it, not even SQLite's own side files are made.
  ///
  /// - Parameter checkedBytes: Up to which size a file is looked through for damage.
  func inspect(knownMigrations: Set<String>, checkedBytes: Int) throws(StorageError) {
    guard let header = try header() else { return }
    guard header.starts(with: Self.magic) else {
      throw StorageError(.damaged, path: path, detail: "it does not begin as a SQLite database does")
    }
    try checkGeneration(Self.bigEndian(header, at: 60))
    // A file that was never written to by a finished transaction has no owner yet.
    let application = Self.bigEndian(header, at: 68)
    guard application == Self.applicationID || application == 0 else {
      throw StorageError(.foreign, path: path, detail: "its application id is \(application)")
    }
    // A rollback journal is there only when the very first start was cut short; SQLite rolls it back itself.
    guard Self.size(path + "-journal") == nil else { return }
    let connection = try ReadOnlyConnection(path: path, hasLog: (Self.size(path + "-wal") ?? 0) > 0)
    try checkGeneration(UInt32(connection.strings("PRAGMA user_version").first ?? "") ?? 0)
    try checkMigrations(connection, known: knownMigrations)
    if Self.size(path) ?? 0 <= checkedBytes {
      let findings = try connection.strings("PRAGMA quick_check(1)")
      guard findings == ["ok"] else {
        throw StorageError(.damaged, path: path, detail: findings.joined(separator: "; "))
      }
    }
  }

  private func checkGeneration(_ generation: UInt32) throws(StorageError) {
    guard generation > Self.generation else { return }
    throw StorageError(.newer, path: path, detail: "generation \(generation); this one knows \(Self.generation)")
  }

  private func checkMigrations(_ connection: ReadOnlyConnection, known: Set<String>) throws(StorageError) {
    let tables = try connection.strings("SELECT name FROM sqlite_master WHERE type = 'table'")
    guard tables.contains("grdb_migrations") else {
      if tables.isEmpty { return }
      throw StorageError(.foreign, path: path, detail: "it holds the table \(tables[0])")
    }
    let applied = try connection.strings("SELECT identifier FROM grdb_migrations ORDER BY rowid")
    guard let unknown = applied.first(where: { !known.contains($0) }) else { return }
    throw StorageError(.newer, path: path, detail: "it has the migration \(unknown)")
  }

  /// The first bytes of the file; nil where there is none, or nothing in it.
  private func header() throws(StorageError) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw StorageError(.unavailable, path: path, detail: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var header = [UInt8](repeating: 0, count: Self.headerBytes)
    let count = pread(descriptor, &header, header.count, 0)
    guard count >= 0 else {
      throw StorageError(.unavailable, path: path, detail: String(cString: strerror(errno)))
    }
    return count == 0 ? nil : header
  }

  private static func bigEndian(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static func size(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }
}
