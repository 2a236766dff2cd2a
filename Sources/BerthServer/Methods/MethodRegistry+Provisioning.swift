import BerthProtocol
import JSON
import JSONRPC
import Jobs
import Provisioning
import Streams

extension MethodRegistry {
  mutating func addProvisioning(_ domains: Domains) {
    let catalog = domains.provisioning.catalog
    register(CatalogListRuntimes.self) { params, _ in try catalog.list(params) }
    register(CatalogGetRuntime.self) { params, _ in try catalog.get(params) }
    register(CatalogListServers.self) { params, _ in try catalog.list(params) }
    register(CatalogGetServer.self) { params, _ in try catalog.get(params) }
    register(CatalogUpdateRuntime.self) { params, _ in try catalog.update(params) }
    register(CatalogUpdateServer.self) { params, _ in try catalog.update(params) }
    register(CatalogSeed.self) { _, _ in try catalog.seed() }
    addProjects(domains)
    addInstances(domains)
    addConnections(domains)
  }

  private mutating func addProjects(_ domains: Domains) {
    let projects = domains.provisioning.projects
    register(ProjectCreate.self) { params, _ in try projects.create(params) }
    register(ProjectList.self) { params, _ in try projects.list(params) }
    register(ProjectGet.self) { params, _ in try projects.get(params) }
    register(ProjectUpdate.self) { params, _ in try projects.update(params) }
    register(ProjectDelete.self) { params, _ in try projects.delete(params) }
    register(EnvironmentCreate.self) { params, _ in try projects.create(params) }
    register(EnvironmentList.self) { params, _ in try projects.list(params) }
    register(EnvironmentGet.self) { params, _ in try projects.get(params) }
    register(EnvironmentDelete.self) { params, _ in try projects.delete(params) }
    register(ResourceList.self) { params, _ in try projects.list(params) }
    register(ResourceGet.self) { params, _ in try projects.get(params) }
    register(ResourceCreateRuntime.self) { params, _ in try projects.createRuntime(params) }
    register(ResourceGetRuntime.self) { params, _ in try projects.getRuntime(params) }
    register(ResourceDeleteRuntime.self) { params, _ in try projects.deleteRuntime(params) }
    register(ResourceCreateTerminal.self) { params, _ in try projects.createTerminal(params) }
    register(ResourceDelete.self) { params, _ in try projects.delete(params) }
    register(ResourceUpdate.self) { params, _ in try projects.update(params) }
    register(ResourceSetPosition.self) { params, _ in try projects.setPosition(params) }
  }

  private mutating func addInstances(_ domains: Domains) {
    let instances = domains.provisioning.instances
    register(InstanceCreate.self) { params, _ in try instances.create(params) }
    register(InstanceList.self) { params, _ in try instances.list(params) }
    register(InstanceGet.self) { params, _ in try instances.get(params) }
    register(InstanceUpdate.self) { params, _ in try instances.update(params) }
    register(InstanceDelete.self) { params, _ in try instances.delete(params) }
    register(InstanceProbe.self) { params, _ in try await instances.probe(params) }
    register(InstanceAcceptHostKey.self) { params, _ in try await instances.acceptHostKey(params) }
    registerAnswer(InstanceExec.self) { params, call in
      let started = try instances.exec(params)
      let answer = InstanceExecStarted(job: started.job, created: started.created)
      return try await call.answer(answer, \.job, \.attachment, params.attach, params.waitSeconds, domains)
    }
  }

  private mutating func addConnections(_ domains: Domains) {
    let connections = domains.provisioning.connections
    register(ConnectionListAllowed.self) { _, _ in connections.listAllowed() }
    register(ConnectionPlan.self) { params, _ in try await connections.plan(params) }
    register(ConnectionList.self) { params, _ in try connections.list(params) }
    register(ConnectionGet.self) { params, _ in try await connections.get(params) }
    register(ConnectionVerify.self) { params, _ in try await connections.verify(params) }
    registerAnswer(ConnectionCreate.self) { params, call in
      try await call.answer(try await connections.create(params), params.attach, params.waitSeconds, domains)
    }
    registerAnswer(ConnectionUpdate.self) { params, call in
      try await call.answer(try connections.update(params), params.attach, params.waitSeconds, domains)
    }
    registerAnswer(ConnectionDelete.self) { params, call in
      try await call.answer(try connections.delete(params), params.attach, params.waitSeconds, domains)
    }
    registerAnswer(ConnectionRetry.self) { params, call in
      try await call.answer(try connections.retry(params), params.attach, params.waitSeconds, domains)
    }
    register(ConnectionInput.self) { params, _ in
      try await connections.input(params)
      return NullResult()
    }
    register(ConnectionResize.self) { params, _ in
      try await connections.resize(params)
      return NullResult()
    }
  }
}

extension Call {
  /// Answers what began a job: with the job as it stands after the time to wait, or attached to its stream.
  fileprivate func answer<Started: JSONEncodable & Sendable>(
    _ started: Started, _ job: WritableKeyPath<Started, Job> & Sendable,
    _ attachment: WritableKeyPath<Started, String?> & Sendable, _ attaches: Bool, _ waitSeconds: Double,
    _ domains: Domains
  ) async throws -> Answer {
    var started = started
    if attaches {
      let follower = try domains.streams.follow(StreamAttach.Params(stream: started[keyPath: job].stream))
      return try attach(follower, isFinite: true, domains) { attached in
        started[keyPath: attachment] = attached.attachment
        return started
      }
    }
    if waitSeconds > 0 {
      let id = started[keyPath: job].id
      started[keyPath: job] = try await reportingProgress(of: id, domains) {
        try await domains.jobs.get(JobGet.Params(job: id, waitSeconds: waitSeconds))
      }
    }
    return started
  }

  /// The same for a connection, which is told as it then stands. A terminal has a stream and no job.
  fileprivate func answer(
    _ started: ConnectionStarted, _ attaches: Bool, _ waitSeconds: Double, _ domains: Domains
  ) async throws -> Answer {
    var started = started
    let stream = started.job?.stream ?? started.connection.connectionDetails.stream
    if attaches, let stream {
      let follower = try domains.streams.follow(StreamAttach.Params(stream: stream))
      return try attach(follower, isFinite: true, domains) { attached in
        started.attachment = attached.attachment
        return started
      }
    }
    if waitSeconds > 0, let id = started.job?.id {
      started.job = try await reportingProgress(of: id, domains) {
        try await domains.jobs.get(JobGet.Params(job: id, waitSeconds: waitSeconds))
      }
      started.connection = try domains.provisioning.connections.get(started.connection.id)
    }
    return started
  }
}
