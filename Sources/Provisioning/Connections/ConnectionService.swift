package import BerthProtocol
import GRDB
import JSON
import Jobs
import Platform
import Storage
import Synchronization

/// Connections of resources: what is installed on an instance for a runtime, and shells on instances.
///
/// A connection is written down before anything is done for it, and each step before and after it is taken. Work that
/// a server has left undone is taken up by the next one, from what it finds on the machine.
package final class ConnectionService: Sendable {
  let store: ProvisioningStore
  let projects: ProjectService
  let instances: InstanceService
  let catalog: CatalogService
  let jobs: JobStore
  let terminals = Terminals()
  /// Held from when something is to be done for a connection until its job is known.
  private let beginning = Mutex(())

  init(projects: ProjectService, instances: InstanceService, catalog: CatalogService, jobs: JobStore) {
    store = projects.store
    self.projects = projects
    self.instances = instances
    self.catalog = catalog
    self.jobs = jobs
  }

  /// Whether a shell is open.
  package var hasTerminals: Bool { !terminals.isEmpty }

  // MARK: Reading

  package func listAllowed() -> AllowedConnectionList { AllowedConnectionList(allowed: AllowedConnections.table) }

  func row(_ id: String) throws -> ConnectionRow {
    try store.read { db in try ConnectionRow.fetch(id, in: db) }
  }

  package func get(_ id: String) throws -> ResourceConnection { try row(id).connection }

  /// `connection/get`: at once, or when nothing is being done for the connection.
  package func get(_ params: ConnectionGet.Params) async throws -> ResourceConnection {
    let connection = try get(params.connection)
    guard params.waitSeconds > 0, connection.activity != nil, let job = connection.job else { return connection }
    _ = try? await jobs.get(JobGet.Params(job: job, waitSeconds: params.waitSeconds))
    return try get(params.connection)
  }

  package func list(_ params: ConnectionList.Params) throws -> ConnectionPage {
    try store.read { db in
      var conditions = ["TRUE"]
      var arguments: StatementArguments = []
      for (column, reference) in [("source", params.source), ("target", params.target)] {
        guard let reference else { continue }
        conditions.append("\(column) = ?")
        arguments += [try ResourceRow.fetch(reference, in: db).resource.id]
      }
      if let statuses = params.statuses {
        conditions.append("status IN (\(databaseQuestionMarks(count: statuses.count)))")
        arguments += StatementArguments(statuses.map(\.rawValue))
      } else {
        conditions.append("status <> 'disconnected'")
      }
      if let cursor = params.cursor {
        guard cursor.hasPrefix("con_") else {
          throw ProtocolError(
            .invalidCursor, "The cursor was not made by `connection/list`. Pass the page's `nextCursor`, or none.",
            detail: "cursor \(cursor.prefix(64))")
        }
        conditions.append("id < ?")
        arguments += [cursor]
      }
      arguments += [params.limit + 1]
      let rows = try ConnectionRow.fetchAll(
        where: "\(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?", arguments, in: db)
      let page = NamedPage(limit: params.limit).cut(rows.map(\.connection)) { $0.id }
      return ConnectionPage(connections: page.rows, nextCursor: page.next)
    }
  }

  // MARK: Changing

  /// Changes a connection and tells of it, in one transaction.
  @discardableResult
  func change(_ id: String, _ body: (inout ConnectionRow, GRDB.Database) throws -> Void) throws -> ConnectionRow {
    try store.write { db in
      var row = try ConnectionRow.fetch(id, in: db)
      try body(&row, db)
      try save(&row, in: db)
      return row
    }
  }

  func save(_ row: inout ConnectionRow, in db: GRDB.Database) throws {
    row.connection.version += 1
    row.connection.updatedAt = Timestamp.now()
    try row.save(in: db)
    try store.tell(EventType.connectionUpdated, row.connection, in: db)
  }

  // MARK: Connecting

  package func create(_ params: ConnectionCreate.Params) async throws -> ConnectionStarted {
    let (source, target) = try pair(params.source, params.target)
    var isNew = false
    let (id, isFirst) = try store.once(ConnectionCreate.description.name, params.idempotencyKey, params) { db in
      if let known = try ConnectionRow.between(source.id, target.id, in: db) { return known.connection.id }
      isNew = true
      let now = Timestamp.now()
      var row = ConnectionRow(
        ResourceConnection(
          id: Identifier.make("con"), sourceResourceType: source.resourceType, sourceResourceId: source.id,
          sourceName: source.name, targetResourceType: target.resourceType, targetResourceId: target.id,
          targetName: target.name, status: .pending, connectionDetails: ConnectionDetails(terminal: params.terminal),
          version: 0, createdAt: now, updatedAt: now))
      try save(&row, in: db)
      return row.connection.id
    }
    if !isFirst {
      // A repetition begins nothing, however it went on.
      let connection = try get(id)
      return ConnectionStarted(connection: connection, job: lastJob(of: connection), created: false)
    }
    if source.resourceType == .terminal {
      return try await openTerminal(id, size: params.terminal, isNew: isNew)
    }
    var started = try beginning.withLock { _ in
      let connection = try get(id)
      if connection.activity == .disconnect { try checkIdle(connection) }
      guard connection.activity == nil, connection.status != .connected else {
        return ConnectionStarted(connection: connection, job: lastJob(of: connection), created: false)
      }
      return try claim(.connect, id)
    }
    started.created = isNew
    return started
  }

  func pair(_ source: String, _ target: String) throws -> (source: Resource, target: Resource) {
    try store.read { db in
      let source = try ResourceRow.fetch(source, in: db).resource
      let target = try ResourceRow.fetch(target, in: db).resource
      try AllowedConnections.check(source, target)
      return (source, target)
    }
  }

  private func lastJob(of connection: ResourceConnection) -> Job? {
    connection.job.flatMap { try? jobs.job($0) }
  }

  package func retry(_ params: ConnectionRetry.Params) throws -> ConnectionStarted {
    let connection = try runtimeConnection(params.connection)
    guard connection.status == .failed else {
      throw Self.wrongState(connection, "Only a connection that has failed can be tried again.")
    }
    return try begin(try row(connection.id).work.failed ?? .connect, connection.id)
  }

  package func update(_ params: ConnectionUpdate.Params) throws -> ConnectionStarted {
    let connection = try runtimeConnection(params.connection)
    guard connection.status == .connected || connection.status == .failed else {
      throw Self.wrongState(connection, "Connect it first.")
    }
    return try begin(.update, connection.id)
  }

  package func delete(_ params: ConnectionDelete.Params) throws -> ConnectionStarted {
    let connection = try get(params.connection)
    if connection.sourceResourceType == .terminal || connection.status == .disconnected {
      return ConnectionStarted(connection: try closeTerminal(connection), created: false)
    }
    return try begin(.disconnect, connection.id, isForced: params.force)
  }

  /// - Throws: `connection_busy`.
  private func checkIdle(_ connection: ResourceConnection) throws {
    guard connection.activity != nil else { return }
    throw ProtocolError(
      .connectionBusy,
      "Something is being done for the connection of \(connection.sourceName) with \(connection.targetName) already. Wait "
        + "for its job, or cancel that.", extra: ["job": connection.job.map { .string($0) } ?? .null])
  }

  /// A connection that has something installed, and for which nothing is being done.
  func runtimeConnection(_ id: String) throws -> ResourceConnection {
    let connection = try get(id)
    try checkIdle(connection)
    guard connection.sourceResourceType == .runtime else {
      throw Self.wrongState(connection, "It is a terminal's, and has nothing installed.")
    }
    return connection
  }

  static func wrongState(_ connection: ResourceConnection, _ what: String) -> ProtocolError {
    ProtocolError(
      .connectionState,
      "The connection of \(connection.sourceName) with \(connection.targetName) is \(connection.status.rawValue). \(what)"
    )
  }

  /// Begins what is to be done for a connection, as a job; jobs on one instance come one after the other.
  func begin(_ activity: ConnectionActivity, _ id: String, isForced: Bool = false) throws -> ConnectionStarted {
    try beginning.withLock { _ in try claim(activity, id, isForced: isForced) }
  }

  /// Called with `beginning` held.
  private func claim(
    _ activity: ConnectionActivity, _ id: String, isForced: Bool = false
  ) throws -> ConnectionStarted {
    let claimed = try change(id) { row, _ in
      try checkIdle(row.connection)
      row.connection.activity = activity
      row.connection.error = nil
      row.connection.errorMessage = nil
      row.work.isForced = isForced
    }
    do {
      return try start(claimed.connection)
    } catch {
      _ = try? change(id) { row, _ in row.connection.activity = nil }
      throw error
    }
  }

  private func start(_ connection: ResourceConnection) throws -> ConnectionStarted {
    let activity = connection.activity ?? .connect
    let verb = [ConnectionActivity.connect: "Install", .update: "Update", .disconnect: "Remove"][activity] ?? ""
    let id = connection.id
    let started = try jobs.start(
      activity == .disconnect ? .disconnect : .connect,
      title: "\(verb) \(connection.sourceName) on \(connection.targetName)", workspace: nil, subject: id,
      lane: .remote(key: connection.targetResourceId),
      skipped: { self.fail(id, ProtocolError(describing: CancellationError())) }
    ) { context in
      try await ConnectionRun(id, self, context).carry()
    }
    let row = try change(id) { row, _ in row.connection.job = started.job.id }
    return ConnectionStarted(connection: row.connection, job: started.job, created: false)
  }

  /// Writes down why a connection's work has ended badly; where the disk is full, as soon as it has room.
  func fail(_ id: String, _ error: ProtocolError, step: ConnectionStep? = nil) {
    let write = { @Sendable (row: inout ConnectionRow, _: GRDB.Database) in
      row.connection.status = .failed
      row.work.failed = row.connection.activity
      row.connection.activity = nil
      row.connection.step = step ?? row.connection.step
      row.connection.errorMessage = error.message
      row.connection.error = ConnectionError(
        type: error.type.rawValue, message: error.message, step: step ?? row.connection.step,
        exitCode: error.extra["exitCode"]?.intValue,
        lastLines: error.extra["lastLines"]?.arrayValue?.compactMap(\.stringValue), retryable: error.type.retryable)
    }
    guard !changeWithRoom(id, write) else { return }
    Task(executorPreference: instances.pool) {
      repeat { try await Task.sleep(for: .seconds(1)) } while !self.changeWithRoom(id, write)
    }
  }

  /// Changes a connection, where it is there.
  ///
  /// - Returns: Whether this server's disk had room for it.
  func changeWithRoom(_ id: String, _ body: (inout ConnectionRow, GRDB.Database) throws -> Void) -> Bool {
    do {
      try change(id, body)
      return true
    } catch {
      return !Self.isDiskFull(error)
    }
  }

  static func isDiskFull(_ error: any Error) -> Bool { ProtocolError(describing: error).type == .noSpace }

  // MARK: After a restart

  /// Takes up what an earlier server has left undone. Shells that it held are gone with it.
  package func recover() throws {
    let rows = try store.read { db in
      try ConnectionRow.fetchAll(
        where: "activity IS NOT NULL OR (status IN ('pending', 'connecting', 'connected'))", [], in: db)
    }
    for row in rows {
      if row.connection.sourceResourceType == .terminal {
        try change(row.connection.id) { row, _ in
          row.connection.status = .disconnected
          row.connection.errorMessage = "The server that held the shell has ended, and the shell with it."
        }
      } else if row.connection.activity != nil {
        _ = try start(row.connection)
      } else if row.connection.status != .connected {
        // Nothing was begun for it yet.
        _ = try begin(.connect, row.connection.id)
      }
    }
  }
}
