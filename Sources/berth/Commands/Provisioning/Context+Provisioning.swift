import BerthClient
import BerthProtocol

extension Context {
  func allProjects() throws -> [Project] {
    try allPages { cursor in
      let page = try request(ProjectList.self, .init(limit: 1000, cursor: cursor))
      return (page.projects, page.nextCursor)
    }
  }

  func allInstances(
    project: String? = nil, environment: String? = nil, statuses: [ResourceStatus]? = nil
  ) throws -> [Instance] {
    try allPages { cursor in
      let page = try request(
        InstanceList.self,
        .init(project: project, environment: environment, statuses: statuses, limit: 1000, cursor: cursor))
      return (page.instances, page.nextCursor)
    }
  }

  func allResources(
    project: String? = nil, environment: String? = nil, types: [ResourceType]? = nil, search: String? = nil,
    connected: Bool? = nil, includeDeleted: Bool = false
  ) throws -> [Resource] {
    try allPages { cursor in
      let page = try request(
        ResourceList.self,
        .init(
          project: project, environment: environment, types: types, search: search, connected: connected,
          includeDeleted: includeDeleted, limit: 1000, cursor: cursor))
      return (page.resources, page.nextCursor)
    }
  }

  /// - Parameter statuses: Nil for all but those that were ended.
  func allConnections(
    source: String? = nil, target: String? = nil, statuses: [ConnectionStatus]? = nil
  ) throws -> [ResourceConnection] {
    try allPages { cursor in
      let page = try request(
        ConnectionList.self, .init(source: source, target: target, statuses: statuses, limit: 1000, cursor: cursor))
      return (page.connections, page.nextCursor)
    }
  }

  private func allPages<Row>(_ page: (String?) throws -> (rows: [Row], next: String?)) throws -> [Row] {
    var all: [Row] = []
    var cursor: String?
    repeat {
      let (rows, next) = try page(cursor)
      all += rows
      cursor = next
    } while cursor != nil
    return all
  }

  /// Where resources belong, by the ids of their environments: `shop`, or `shop/staging` beside the default one.
  func placeNames() throws -> [String: String] {
    let projects = try allProjects()
    let environments = try requestEach(EnvironmentList.self, projects.map { .init(project: $0.id) })
    var names: [String: String] = [:]
    for (project, result) in zip(projects, environments) {
      // One that was deleted meanwhile has nothing to name.
      for environment in (try? result.get().environments) ?? [] {
        names[environment.id] = environment.isDefault ? project.slug : "\(project.slug)/\(environment.slug)"
      }
    }
    return names
  }

  /// The instances that words mean, each once.
  func instances(_ names: [String]) throws -> [Instance] {
    var found: [Instance] = []
    for (name, result) in zip(names, try requestEach(InstanceGet.self, names.map { .init(instance: $0) })) {
      do {
        let instance = try result.get()
        if !found.contains(where: { $0.id == instance.id }) { found.append(instance) }
      } catch {
        throw Failure(error, instance: name)
      }
    }
    return found
  }
}
