package import GRDB

/// A step in the making of the database, carried out once and remembered by its name.
///
/// Each domain keeps a list of its own and hands it to ``Database``. A step that has been released is never changed
/// and never renamed; a later one mends it.
package struct Migration: Sendable {
  /// `domain.what`, such as `streams.create`.
  package let name: String
  package let migrate: @Sendable (GRDB.Database) throws -> Void

  package init(_ name: String, _ migrate: @escaping @Sendable (GRDB.Database) throws -> Void) {
    self.name = name
    self.migrate = migrate
  }
}
