import BerthProtocol
import GRDB
import Platform
import Storage

/// The leases in memory, by port and by whose they are.
struct PortLeaseTable: Sendable {
  /// Whose a lease is: an app's, or, without one, that of the name alone.
  struct Key: Hashable, Sendable {
    let app: String?
    let name: String
  }

  private var byPort: [Int: PortLease] = [:]
  private var ports: [Key: Int] = [:]

  subscript(port: Int) -> PortLease? { byPort[port] }
  subscript(key: Key) -> PortLease? { ports[key].flatMap { byPort[$0] } }

  /// Lowest port first.
  var all: [PortLease] { byPort.values.sorted { $0.port < $1.port } }

  func leases(ofApp app: String) -> [PortLease] { all.filter { $0.app == app } }

  mutating func put(_ lease: PortLease) {
    if let before = ports.updateValue(lease.port, forKey: lease.key), before != lease.port { byPort[before] = nil }
    byPort[lease.port] = lease
  }

  mutating func remove(_ lease: PortLease) {
    byPort[lease.port] = nil
    ports[lease.key] = nil
  }
}

extension PortLease {
  var key: PortLeaseTable.Key { PortLeaseTable.Key(app: app, name: name) }
}

// MARK: - On disk

extension PortLeaseTable {
  static let migrations = [
    Migration("ports.create") { db in
      // The app is empty for a lease that no app has: NULLs are never equal to each other.
      try db.execute(
        sql: """
          CREATE TABLE port_leases (
            port INTEGER PRIMARY KEY,
            app TEXT NOT NULL,
            name TEXT NOT NULL,
            fixed INTEGER NOT NULL,
            leased INTEGER NOT NULL,
            UNIQUE (app, name)
          )
          """)
    }
  ]

  init(_ db: GRDB.Database) throws {
    for row in try Row.fetchAll(db, sql: "SELECT port, app, name, fixed, leased FROM port_leases") {
      let app: String = row[1]
      put(
        PortLease(
          port: row[0], name: row[2], app: app.isEmpty ? nil : app, fixed: row[3],
          leasedAt: Timestamp.string(nanosecondsSince1970: (row[4] as Int64) * 1_000_000)))
    }
  }

  static func write(_ lease: PortLease, in db: GRDB.Database) throws {
    let leased = (Timestamp.nanoseconds(from: lease.leasedAt) ?? 0) / 1_000_000
    try delete(lease, in: db)
    try db.execute(
      sql: "INSERT INTO port_leases VALUES (?, ?, ?, ?, ?)",
      arguments: [lease.port, lease.app ?? "", lease.name, lease.fixed, leased])
  }

  static func delete(_ lease: PortLease, in db: GRDB.Database) throws {
    try db.execute(
      sql: "DELETE FROM port_leases WHERE app = ? AND name = ?", arguments: [lease.app ?? "", lease.name])
  }
}
