package import BerthProtocol
package import Jobs
package import Platform
package import Storage
package import Streams

/// What reaches other machines: the catalog, projects with their resources, instances, and the connections of them.
package struct ProvisioningService: Sendable {
  package let catalog: CatalogService
  package let projects: ProjectService
  package let instances: InstanceService
  package let connections: ConnectionService

  package static let migrations = ProvisioningTables.migrations

  package init(
    home: Home, database: Storage.Database, streams: StreamStore, jobs: JobStore, pool: WorkerPool,
    config: @escaping @Sendable () -> ProvisioningConfig
  ) throws {
    let store = ProvisioningStore(database: database, streams: streams)
    catalog = CatalogService(store: store, folder: home.catalog)
    projects = ProjectService(store: store, catalog: catalog)
    instances = try InstanceService(
      store: store, projects: projects, jobs: jobs, home: home, pool: pool, config: config)
    connections = ConnectionService(projects: projects, instances: instances, catalog: catalog, jobs: jobs)
  }
}
