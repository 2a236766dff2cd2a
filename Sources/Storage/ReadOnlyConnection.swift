import GRDBSQLite

/// A connection that leaves the file and, where it can, the folder as they are.
///
/// GRDB's own connections take no URI, and without `immutable` SQLite makes `-wal` and `-shm` beside a database in WAL
/// mode even to read it.
final class ReadOnlyConnection {
  private let path: String
  private var handle: OpaquePointer?

  /// - Parameter hasLog: Whether a write-ahead log with content lies beside the file, which must then be read too.
  init(path: String, hasLog: Bool) throws(StorageError) {
    self.path = path
    let uri = "file:" + Self.percentEncoded(path) + (hasLog ? "?mode=ro" : "?mode=ro&immutable=1")
    let flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX
    guard sqlite3_open_v2(uri, &handle, flags, nil) == SQLITE_OK else { throw failure() }
    sqlite3_busy_timeout(handle, 5000)
  }

  deinit {
    sqlite3_close_v2(handle)
  }

  /// The first column of each row, as text.
  func strings(_ sql: String) throws(StorageError) -> [String] {
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { throw failure() }
    var rows: [String] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: rows.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "")
      case SQLITE_DONE: return rows
      default: throw failure()
      }
    }
  }

  private func failure() -> StorageError {
    let detail = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
    let code = handle.map { sqlite3_errcode($0) } ?? SQLITE_NOMEM
    let isDamaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB
    return StorageError(isDamaged ? .damaged : .unavailable, path: path, detail: detail)
  }

  private static func percentEncoded(_ path: String) -> String {
    var encoded = ""
    for byte in path.utf8 {
      switch byte {
      case 0x61...0x7a, 0x41...0x5a, 0x30...0x39, 0x2f, 0x2d, 0x2e, 0x5f, 0x7e:
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    return encoded
  }
}
