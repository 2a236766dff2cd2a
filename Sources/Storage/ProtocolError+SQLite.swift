package import BerthProtocol
package import GRDB
import GRDBSQLite
import Glibc

extension ProtocolError {
  /// What a caller is told of an error of SQLite.
  ///
  /// - Parameters:
  ///   - systemError: The `errno` behind an input or output error; 0 where it is not known.
  ///   - path: The database file.
  package init(_ error: DatabaseError, systemError: Int32, path: String) {
    let detail = "SQLite: \(error.message ?? "error \(error.extendedResultCode.rawValue)")"
    switch error.resultCode {
    case .SQLITE_FULL:
      self = .noSpace(path, detail)
    case .SQLITE_IOERR where Self.meansNoSpace(error, systemError):
      self = .noSpace(path, detail)
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init(
        .databaseUnavailable, "Another program has locked the database \(path). Close it, or try again.",
        detail: detail)
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      self.init(
        .databaseUnavailable,
        "The database \(path) is damaged. Stop the server, and restore a backup or start it with --recover.",
        detail: detail)
    default:
      let reason = systemError == 0 ? "" : ": \(String(cString: strerror(systemError)))"
      self.init(
        .databaseUnavailable, "The database \(path) could not be read or written\(reason).", detail: detail)
    }
  }

  private static func noSpace(_ path: String, _ detail: String) -> ProtocolError {
    ProtocolError(
      .noSpace, "The disk that holds \(path) is full. Nothing was changed; free some space and try again.",
      detail: detail)
  }

  /// SQLite has a code of its own for a full disk, but neither for a quota nor for the shared-memory file.
  private static func meansNoSpace(_ error: DatabaseError, _ systemError: Int32) -> Bool {
    systemError == ENOSPC || systemError == EDQUOT || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
  }
}
