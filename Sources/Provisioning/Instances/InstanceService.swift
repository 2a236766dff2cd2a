package import BerthProtocol
import GRDB
import JSON
import Jobs
import Platform
import SSH
import Storage

/// Remote machines: how each is reached, what was found on it, and what is run there.
package final class InstanceService: Sendable {
  let store: ProvisioningStore
  let projects: ProjectService
  let jobs: JobStore
  /// Where what goes on without a request or a job is done.
  let pool: WorkerPool
  let secrets: InstanceSecrets
  let knownHosts: KnownHosts
  let sessions = SSHSessions()
  let config: @Sendable () -> ProvisioningConfig
  /// The user whom this server runs as.
  let user: LocalUser

  init(
    store: ProvisioningStore, projects: ProjectService, jobs: JobStore, home: Home, pool: WorkerPool,
    config: @escaping @Sendable () -> ProvisioningConfig
  ) throws {
    self.store = store
    self.projects = projects
    self.jobs = jobs
    self.pool = pool
    self.config = config
    secrets = InstanceSecrets(box: try SecretBox(keyFile: home.secretKey))
    user = LocalUser.current()
    knownHosts = KnownHosts(
      own: home.knownHosts, others: [user.home + "/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"])
  }

  // MARK: Making them known

  package func create(_ params: InstanceCreate.Params) throws -> InstanceCreated {
    let values = try InstanceSecrets.decode(params.secrets)
    try Self.check(host: params.host, user: params.user, proxyJump: params.proxyJump)
    let (id, created) = try store.once(
      InstanceCreate.description.name, params.idempotencyKey, params
    ) { db in
      let (project, environment) = try projects.place(params.project, params.environment, in: db)
      let now = Timestamp.now()
      let instance = Instance(
        id: Identifier.make("ins"),
        name: try params.name ?? ResourceRow.freeName(params.host, in: environment.id, db), host: params.host,
        port: params.port, user: params.user, identityFile: params.identityFile, useAgent: params.useAgent ?? true,
        useConfig: params.useConfig ?? true, proxyJump: params.proxyJump,
        hostKeyPolicy: params.hostKeyPolicy ?? .strict,
        secrets: InstanceSecretName.allCases.filter { values[$0]?.isEmpty == false }, status: .new,
        project: project.id, environment: environment.id, position: params.position ?? Position(x: 0, y: 0),
        connections: 0, version: 1, createdAt: now, updatedAt: now)
      try ResourceRow(instance).save(in: db)
      try secrets.apply(values, to: instance.id, in: db)
      try store.tell(EventType.instanceCreated, instance, in: db)
      return instance.id
    }
    let instance = try projects.find(id, type: .instance, includingDeleted: true).asInstance
    return InstanceCreated(instance: instance, created: created)
  }

  /// What can't be meant is refused before anything is sent anywhere.
  private static func check(host: String?, user: String?, proxyJump: String?) throws {
    func isOdd(_ text: String) -> Bool {
      text.hasPrefix("-") || text.contains { $0.isWhitespace || "@,/".contains($0) }
    }
    if let host, isOdd(host) || host.count(where: { $0 == ":" }) == 1 {
      throw ProtocolError(
        .invalidArgument, "“\(host)” is no host name, address or alias. Give the user and the port apart from it.")
    }
    if let user, isOdd(user) { throw ProtocolError(.invalidArgument, "“\(user)” is no name of a user.") }
    if let proxyJump { _ = try JumpHost.list(proxyJump) }
  }

  package func find(_ reference: String) throws -> Instance {
    try projects.find(reference, type: .instance).asInstance
  }

  package func get(_ params: InstanceGet.Params) throws -> Instance { try find(params.instance) }

  package func list(_ params: InstanceList.Params) throws -> InstancePage {
    try store.read { db in
      let place = try projects.filter(params.project, params.environment, in: db)
      var conditions = ["NOT deleted", "type = 'instance'"]
      var arguments: StatementArguments = []
      for (condition, value) in [("project = ?", place.project), ("environment = ?", place.environment)] {
        guard let value else { continue }
        conditions.append(condition)
        arguments += [value]
      }
      if let statuses = params.statuses {
        conditions.append("status IN (\(databaseQuestionMarks(count: statuses.count)))")
        arguments += StatementArguments(statuses.map(\.rawValue))
      }
      if let cursor = params.cursor {
        try NamedPage.check(cursor, of: "resources", InstanceList.description.name, in: db)
        conditions.append(NamedPage.condition("resources"))
        arguments += [cursor]
      }
      arguments += [params.limit + 1]
      let sql = """
        SELECT \(ResourceRow.columns) FROM resources WHERE \(conditions.joined(separator: " AND "))
        ORDER BY name, id LIMIT ?
        """
      let rows = try Row.fetchAll(db, sql: sql, arguments: arguments).compactMap {
        try ResourceRow($0, in: db).instance
      }
      let page = NamedPage(limit: params.limit).cut(rows) { $0.id }
      return InstancePage(instances: page.rows, nextCursor: page.next)
    }
  }

  // MARK: Changing

  package func update(_ params: InstanceUpdate.Params) throws -> Instance {
    let values = try InstanceSecrets.decode(params.secrets)
    try Self.check(host: params.host, user: params.user, proxyJump: params.proxyJump)
    let id = try find(params.instance).id
    let instance = try change(id) { instance, db in
      try ProjectService.check(params.ifVersion, instance.version, "instance \(instance.name)")
      instance.name = params.name ?? instance.name
      let before = (instance.host, instance.port, instance.proxyJump)
      for setting in params.unset ?? [] {
        switch setting {
        case .port: instance.port = nil
        case .user: instance.user = nil
        case .identityFile: instance.identityFile = nil
        case .proxyJump: instance.proxyJump = nil
        }
      }
      instance.host = params.host ?? instance.host
      instance.port = params.port ?? instance.port
      instance.user = params.user ?? instance.user
      instance.identityFile = params.identityFile ?? instance.identityFile
      instance.useAgent = params.useAgent ?? instance.useAgent
      instance.useConfig = params.useConfig ?? instance.useConfig
      instance.proxyJump = params.proxyJump ?? instance.proxyJump
      instance.hostKeyPolicy = params.hostKeyPolicy ?? instance.hostKeyPolicy
      try secrets.apply(values, to: id, in: db)
      instance.secrets = try secrets.names(of: id, in: db)
      instance.fault = nil
      if before != (instance.host, instance.port, instance.proxyJump) {
        // It may be another machine.
        instance.facts = nil
        instance.hostKey = nil
      }
      instance.status = instance.facts == nil ? .new : .ready
    }
    sessions.drop(id)
    return instance
  }

  /// Changes an instance, and tells of it.
  @discardableResult
  func change(_ id: String, _ body: (inout Instance, GRDB.Database) throws -> Void) throws -> Instance {
    try store.write { db in
      var row = try ResourceRow.fetch(id, among: .instance, in: db)
      var instance = try row.asInstance
      try body(&instance, db)
      row.instance = instance
      try projects.save(&row, in: db)
      return try row.asInstance
    }
  }

  package func delete(_ params: InstanceDelete.Params) throws -> Instance {
    let instance = try store.write { db in
      let row = try ResourceRow.fetch(params.instance, among: .instance, in: db)
      try row.checkUnconnected(in: db)
      try row.save(deleted: true, in: db)
      try db.execute(sql: "DELETE FROM instance_secrets WHERE instance = ?", arguments: [row.resource.id])
      var instance = try row.asInstance
      instance.status = .deleted
      instance.secrets = []
      try store.tell(EventType.instanceDeleted, instance, in: db)
      return instance
    }
    sessions.drop(instance.id)
    return instance
  }

  /// Ends all sessions.
  package func close() { sessions.closeAll() }
}
