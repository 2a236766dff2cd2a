/// Why the database of a home could not be opened.
///
/// Calls on a database that is open throw `ProtocolError` instead.
package struct StorageError: Error, Sendable, CustomStringConvertible {
  package enum Code: Sendable {
    /// A newer version of the server has written it.
    case newer
    /// It is no SQLite database, or a broken one.
    case damaged
    /// It is a sound database of another program.
    case foreign
    /// The disk that holds it is full.
    case noSpace
    /// The operating system or SQLite refuses to open it.
    case unavailable
  }

  package let code: Code
  package let path: String
  /// What SQLite or the operating system said.
  package let detail: String

  package init(_ code: Code, path: String, detail: String) {
    self.code = code
    self.path = path
    self.detail = detail
  }

  /// One or two sentences: what is wrong, what was done about it, and what a person can do.
  package var message: String {
    switch code {
    case .newer:
      "The database \(path) was written by a newer version of Berth (\(detail)). It was left untouched: "
        + "start that version, or choose another home with --home."
    case .damaged:
      "The database \(path) is damaged (\(detail)). It was left as it is: restore it from a backup, or start with "
        + "--recover, which keeps it aside beside the new, empty one."
    case .foreign:
      "The file \(path) is the database of another program (\(detail)). It was left untouched: move it away, or "
        + "choose another home with --home."
    case .noSpace:
      "The disk that holds the database \(path) is full. Free some space and start again."
    case .unavailable:
      "The database \(path) cannot be opened: \(detail)."
    }
  }

  package var description: String { message }
}
