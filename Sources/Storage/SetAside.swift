import Glibc
package import Platform

extension Database {
  /// Renames a damaged database, with its log and shared-memory file, so that a new one can take its place.
  ///
  /// Nothing may have it open. The log is renamed first: SQLite deletes a log that lies beside no database.
  ///
  /// - Returns: The path that the database has now: `….damaged-2026-11-20T22:30:00.123Z`.
  /// - Throws: `SystemError`, also where there is no database.
  @discardableResult
  package static func setAside(path: String) throws(SystemError) -> String {
    let target = "\(path).damaged-\(Timestamp.now())"
    for suffix in ["-wal", "-shm", "-journal", ""] {
      guard rename(path + suffix, target + suffix) != 0 else { continue }
      if errno == ENOENT, !suffix.isEmpty { continue }
      throw SystemError(errno: errno, operation: "rename", path: path + suffix)
    }
    return target
  }
}
