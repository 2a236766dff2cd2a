import BerthClient
import BerthProtocol

/// Finds the resource that a word on the command line means for an instance: a resource by its id or name, a runtime of
/// the catalog by its id, or a language.
final class RuntimeFinder {
  private let context: Context
  private let word: String
  let server: String?
  /// The runtimes of environments, by their ids.
  private var resources: [String: [Resource]] = [:]
  private var catalog: [CatalogRuntime]?

  init(_ context: Context, _ word: String, server: String? = nil) {
    (self.context, self.word, self.server) = (context, word, server)
  }

  /// A resource that is there, or what one would have to be made of.
  enum Found {
    case resource(Resource)
    case missing(CatalogRuntime)
  }

  func find(for instance: Instance) throws -> Found {
    if word.hasPrefix("res_") {
      return .resource(try fitting(context.request(ResourceGet.self, .init(resource: word)).resource))
    }
    let here = try resources(of: instance)
    let named = here.first { $0.name == word }
    if let named, fits(named) { return .resource(named) }
    guard let runtime = Self.choose(word, of: try runtimes()) else {
      // One of another environment, or one that another server goes with.
      do {
        return .resource(try fitting(named ?? context.request(ResourceGet.self, .init(resource: word)).resource))
      } catch let error as CallError where error.type == .resourceNotFound {
        let languages = Set(try runtimes().map(\.name)).sorted().joined(separator: ", ")
        throw Failure(
          "`\(word)` is neither a resource, nor a runtime of the catalog, nor one of its languages", status: .notFound,
          notes: ["the languages: \(languages)"], hint: "`berth catalog` shows the runtimes, `berth resources` the rest"
        )
      }
    }
    let same = here.filter { $0.metadata.runtimeId == runtime.id && $0.metadata.applicationServer == server }
    // Of several alike, always the same one.
    return same.min { $0.createdAt < $1.createdAt }.map(Found.resource) ?? .missing(runtime)
  }

  /// The same, made where it is missing.
  func resource(for instance: Instance) throws -> Resource {
    switch try find(for: instance) {
    case .resource(let resource): return resource
    case .missing(let runtime):
      let resource = try make(runtime, for: instance)
      resources[instance.environment, default: []].append(resource)
      return resource
    }
  }

  /// Makes a resource in an instance's environment.
  private func make(_ runtime: CatalogRuntime, for instance: Instance) throws -> Resource {
    var params = ResourceCreateRuntime.Params(
      runtimeId: runtime.id, project: instance.project, environment: instance.environment,
      name: server.map { "\(runtime.displayName) with \($0)" } ?? runtime.displayName, applicationServer: server)
    do {
      return try context.request(ResourceCreateRuntime.self, params).resource
    } catch let error as CallError where error.type == .alreadyExists {
      // Somebody else may just have made it. Where it is something else that is called so, the server finds a name.
      resources[instance.environment] = nil
      if case .resource(let made) = try find(for: instance) { return made }
      params.name = nil
      return try context.request(ResourceCreateRuntime.self, params).resource
    }
  }

  private func resources(of instance: Instance) throws -> [Resource] {
    if let known = resources[instance.environment] { return known }
    let found = try context.allResources(
      project: instance.project, environment: instance.environment, types: [.runtime])
    resources[instance.environment] = found
    return found
  }

  private func runtimes() throws -> [CatalogRuntime] {
    if let catalog { return catalog }
    let found = try context.request(CatalogListRuntimes.self, .init(includeInactive: true)).runtimes
    catalog = found
    return found
  }

  private func fits(_ resource: Resource) -> Bool {
    server == nil || resource.metadata.applicationServer == server
  }

  private func fitting(_ resource: Resource) throws -> Resource {
    guard let server, !fits(resource) else { return resource }
    let own = resource.metadata.applicationServer.map { "the application server \($0)" } ?? "no application server"
    throw Failure(
      "\(resource.name) has \(own), not \(server)", status: .conflict,
      hint: "`berth resource update \(resource.id) --server \(server)` changes it for all of its connections")
  }

  // MARK: The catalog

  /// The row of an id; of a language what the system has, else the newest version.
  static func choose(_ word: String, of runtimes: [CatalogRuntime]) -> CatalogRuntime? {
    if let row = runtimes.first(where: { $0.id == word }) { return row }
    let versions = runtimes.filter { $0.name == word && $0.isActive }
    return versions.first { $0.runtimeVersion == "system" }
      ?? versions.max { isOlder($0.runtimeVersion, $1.runtimeVersion) }
  }

  /// Whether a version is older: numbers compare as numbers, and a number is newer than a word.
  static func isOlder(_ one: String, _ other: String) -> Bool {
    func parts(_ version: String) -> [Int] {
      version.split(whereSeparator: { $0 == "." || $0 == "-" || $0 == "+" }).map { Int($0) ?? -1 }
    }
    return parts(one).lexicographicallyPrecedes(parts(other))
  }
}
