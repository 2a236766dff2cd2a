package import BerthProtocol
package import GRDB
import JSON
import Platform
package import Storage
import Synchronization

/// What becomes of leases.
package enum PortChange: Sendable, Hashable {
  case leased(PortLease)
  case released(PortLease)
  case moved(PortMoved)
}

/// The ports that apps have: each has one of its own for each of its ports' names, and keeps it.
///
/// A lease lasts until it is released, whether its app runs or not and whatever becomes of other apps. It moves in one
/// case only: somebody else listens on the port at the moment when the app is to be started.
///
/// Calls that change something block for the database and for a look at the machine's sockets; those that only read
/// answer from memory. Leases carry neither the name nor the workspace of their app: those are known above.
package final class PortLeases: Sendable {
  private let database: Storage.Database
  private let noteChange: @Sendable (PortChange, GRDB.Database) throws -> Void
  private let range: Mutex<ClosedRange<Int>>
  private let table: Mutex<PortLeaseTable>
  /// Held while leases are being changed, from the look at the table to its update.
  private let changes = Mutex(())

  package static let migrations = PortLeaseTable.migrations

  /// - Parameters:
  ///   - range: Where ports are taken from whose number does not matter.
  ///   - noteChange: Called within the transaction of each change.
  package init(
    database: Storage.Database, range: ClosedRange<Int> = 20000...29999,
    noteChange: @escaping @Sendable (PortChange, GRDB.Database) throws -> Void = { _, _ in }
  ) throws {
    self.database = database
    self.noteChange = noteChange
    self.range = Mutex(range)
    table = Mutex(try database.read { try PortLeaseTable($0) })
  }

  /// Leases that exist are kept where they are.
  package func setRange(_ range: ClosedRange<Int>) {
    self.range.withLock { $0 = range }
  }

  // MARK: Looking

  /// Lowest port first.
  ///
  /// - Parameter app: Only those of this app.
  package func list(app: String? = nil) -> [PortLease] {
    let table = table.withLock { $0 }
    return app.map { table.leases(ofApp: $0) } ?? table.all
  }

  package func lease(app: String?, name: String) -> PortLease? {
    table.withLock { $0[PortLeaseTable.Key(app: app, name: name)] }
  }

  package func lease(of port: Int) -> PortLease? {
    table.withLock { $0[port] }
  }

  // MARK: Reserving

  /// The lease of an app's port, made where there is none.
  ///
  /// - Parameters:
  ///   - app: Nil for a lease that no app has.
  ///   - port: The very port that is wanted. A lease of another port is given up for it.
  ///   - isOwn: Whether a process that listens on the wanted port is the app's own.
  ///   - nameOf: What an app is called, for who reads the error.
  /// - Throws: `port_taken` with who has the wanted port, `no_free_port`.
  package func reserve(
    app: String?, name: String, port: Int? = nil, isOwn: (PortOwner) -> Bool = { _ in false },
    nameOf: (String) -> String = { "the app `\($0)`" }
  ) throws -> PortLease {
    try changes.withLock { _ in
      let before = lease(app: app, name: name)
      if var lease = before, port == nil || port == lease.port {
        guard lease.fixed != (port != nil) else { return lease }
        lease.fixed = port != nil
        try put(lease, nil)
        return lease
      }
      if let port { try checkFree(port, isOwn: isOwn, nameOf: nameOf) }
      let lease = PortLease(
        port: try port ?? freePort(), name: name, app: app, fixed: port != nil, leasedAt: Timestamp.now())
      try put(lease, before.map { .moved(PortMoved(from: $0.port, to: lease)) } ?? .leased(lease))
      return lease
    }
  }

  /// The lease of an app's port; where there is none, one of the preferred port if that is free, else of any.
  package func prefer(_ port: Int, app: String, name: String) throws -> PortLease {
    try changes.withLock { _ in
      if let lease = lease(app: app, name: name) { return lease }
      let isFree = try lease(of: port) == nil && PortTest.bind(port) == .free
      let lease = PortLease(
        port: isFree ? port : try freePort(), name: name, app: app, fixed: false, leasedAt: Timestamp.now())
      try put(lease, .leased(lease))
      return lease
    }
  }

  /// Makes sure that an app which is to be started can have its port.
  ///
  /// - Parameter isOwn: Whether a process that listens on the port is the app's own.
  /// - Returns: Where the lease has moved to and why, where it had to; nil where it stays, or there is none.
  /// - Throws: `port_taken` where somebody else has a port that is fixed, `no_free_port`.
  package func confirm(app: String?, name: String, isOwn: (PortOwner) -> Bool) throws -> PortMoved? {
    try changes.withLock { _ in
      guard var lease = lease(app: app, name: name), let holder = try holder(of: lease.port, isOwn: isOwn) else {
        return nil
      }
      if lease.fixed { throw Self.taken(lease.port, by: holder) }
      let from = lease.port
      lease.port = try freePort()
      lease.leasedAt = Timestamp.now()
      let moved = PortMoved(from: from, to: lease, holder: holder.description)
      try put(lease, .moved(moved))
      return moved
    }
  }

  /// Who else really has a port. Connections that have ended and wait out their time do not count, and neither do
  /// sockets that do not listen: the app will have the port, or tell for itself why not.
  private func holder(of port: Int, isOwn: (PortOwner) -> Bool) throws -> PortOwner? {
    guard try PortTest.bind(port) == .taken else { return nil }
    let owners = try PortOwners.find(port)
    return owners.contains(where: isOwn) ? nil : owners.first
  }

  private func checkFree(_ port: Int, isOwn: (PortOwner) -> Bool, nameOf: (String) -> String) throws {
    if let other = lease(of: port) {
      let whose = other.app.map { "\(nameOf($0)) as “\(other.name)”" } ?? "“\(other.name)”"
      throw ProtocolError(
        .portTaken, "Port \(port) is leased to \(whose). Choose another port, or release that lease first.")
    }
    if let holder = try holder(of: port, isOwn: isOwn) { throw Self.taken(port, by: holder) }
  }

  private func freePort() throws -> Int {
    let range = range.withLock { $0 }
    let leased = table.withLock { $0 }
    for port in range where leased[port] == nil {
      if try PortTest.bind(port) == .free { return port }
    }
    throw ProtocolError(
      .noFreePort,
      "No port from \(range.lowerBound) to \(range.upperBound) is free. Release leases that are no longer needed, or "
        + "make the range `apps.ports` of the configuration larger.")
  }

  private static func taken(_ port: Int, by holder: PortOwner) -> ProtocolError {
    ProtocolError(
      .portTaken, "Port \(port) is taken by \(holder.description). Stop that, or choose another port.",
      extra: ["port": .integer(port), "holder": holder.holder.jsonValue()])
  }

  // MARK: Releasing

  /// Gives a lease up; nothing happens to who listens there.
  ///
  /// - Throws: `port_not_found`.
  @discardableResult
  package func release(port: Int) throws -> PortLease {
    try changes.withLock { _ in
      guard let lease = lease(of: port) else {
        throw ProtocolError(.portNotFound, "Port \(port) is not leased. `port/list` tells which are.")
      }
      try remove([lease])
      return lease
    }
  }

  /// Gives up all leases of an app, or those whose names are not among the ones that it keeps.
  @discardableResult
  package func release(app: String, keeping names: Set<String> = []) throws -> [PortLease] {
    try changes.withLock { _ in
      let leases = list(app: app).filter { !names.contains($0.name) }
      if !leases.isEmpty { try remove(leases) }
      return leases
    }
  }

  // MARK: Writing

  private func put(_ lease: PortLease, _ change: PortChange?) throws {
    try database.write { db in
      try PortLeaseTable.write(lease, in: db)
      if let change { try noteChange(change, db) }
    }
    table.withLock { $0.put(lease) }
  }

  private func remove(_ leases: [PortLease]) throws {
    try database.write { db in
      for lease in leases {
        try PortLeaseTable.delete(lease, in: db)
        try noteChange(.released(lease), db)
      }
    }
    table.withLock { table in
      for lease in leases { table.remove(lease) }
    }
  }
}
