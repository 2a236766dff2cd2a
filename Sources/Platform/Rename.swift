import CPlatform
import Glibc

/// Renames by absolute paths.
package enum Rename {
  /// Renames in one step. Fails with `EEXIST` where something has the new path, and with `EXDEV` where that is on
  /// another file system.
  package static func withoutReplacing(_ from: String, _ to: String) throws(SystemError) {
    try platformCall("renameat2", from) { berth_renameat2(AT_FDCWD, from, AT_FDCWD, to, BERTH_RENAME_NOREPLACE) }
  }
}
