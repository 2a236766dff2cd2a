import BerthProtocol

extension Completion {
  static func languages() -> [String] {
    ask { context in
      var names: [String] = []
      for runtime in try context.request(CatalogListRuntimes.self, .init()).runtimes where names.last != runtime.name {
        names.append(runtime.name)
      }
      return names
    }
  }

  /// Ids of runtimes, and servers with their languages.
  static func catalog() -> [String] {
    ask { context in
      let runtimes = try context.request(CatalogListRuntimes.self, .init(includeInactive: true)).runtimes
      let languages = Set(runtimes.map(\.name)).sorted()
      let servers = try context.requestEach(
        CatalogListServers.self, languages.map { .init(runtimeName: $0, includeInactive: true) })
      return runtimes.map(\.id)
        + servers.flatMap { (try? $0.get().servers) ?? [] }.map { "\($0.runtimeName)/\($0.name)" }
    }
  }

  /// What can be connected: resources by name, runtimes, languages.
  static func runtimes() -> [String] {
    ask { context in
      let resources = try context.allResources(types: [.runtime]).map(\.name)
      let runtimes = try context.request(CatalogListRuntimes.self, .init()).runtimes
      return resources + runtimes.map(\.id) + Set(runtimes.map(\.name)).sorted()
    }
  }

  static func instances() -> [String] {
    ask { context in try context.allInstances().map(\.name) }
  }

  static func resources() -> [String] {
    ask { context in try context.allResources().map(\.name) }
  }

  static func connections() -> [String] {
    ask { context in try context.allConnections().map(\.id) }
  }

  static func projects() -> [String] {
    ask { context in try context.allProjects().map(\.slug) }
  }
}
