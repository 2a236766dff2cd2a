package import BerthProtocol
import Supervisor
import Workspaces

/// `port/*`.
extension AppService {
  package func listPorts(_ params: PortList.Params) throws -> PortList.Result {
    let app = try params.app.map { try find($0, workspace: params.workspace).id }
    let workspace = try params.workspace.map { try workspaces.resolve($0).id }
    let leases = ports.list(app: app).map(named)
    return PortLeaseList(ports: leases.filter { workspace == nil || $0.workspace == workspace })
  }

  package func resolvePort(_ params: PortResolve.Params) throws -> PortResolve.Result {
    let record = try find(params.app, workspace: params.workspace).record
    let all = appPorts(record)
    let found = params.name.map { name in all.first { $0.name == name } } ?? all.first { $0.name == "http" }
    guard let port = found ?? (params.name == nil && all.count == 1 ? all.first : nil) else {
      let names = all.map { "`\($0.name)`" }.joined(separator: ", ")
      throw ProtocolError(
        .portNotFound,
        all.isEmpty
          ? "`\(record.app)` has no ports yet: they are leased when it is started."
          : "`\(record.app)` has no port `\(params.name ?? "http")`. It has \(names).")
    }
    let owners = try PortOwners.find(port.port)
    let own = owners.first { owner(of: $0)?.id == record.id }
    let listener = own ?? owners.first
    return ResolvedPort(
      name: port.name, host: port.host, port: port.port, protocol: port.protocol, url: port.url,
      listening: listener != nil, pid: listener?.process.map { Int($0.pid) }, foreign: own == nil && listener != nil)
  }

  package func reservePort(_ params: PortReserve.Params) throws -> PortReserve.Result {
    let record = try params.app.map { try find($0, workspace: params.workspace).record }
    defer { pages.clear() }
    return named(
      try ports.reserve(
        app: record?.id, name: params.name, port: params.port, isOwn: { self.owner(of: $0)?.id == record?.id },
        nameOf: { self.name(of: $0, in: record?.workspace) }))
  }

  /// What to call an app where it stands in the way of something in a workspace.
  func name(of app: String, in workspace: String?) -> String {
    guard let record = entry(id: app)?.record else { return "the app `\(app)`" }
    guard record.workspace != workspace, let slug = try? workspaces.resolve(record.workspace).slug else {
      return "the app `\(record.app)`"
    }
    return "the app `\(record.app)` of the workspace `\(slug)`"
  }

  package func releasePort(_ params: PortRelease.Params) throws -> PortRelease.Result {
    if let lease = ports.lease(of: params.port), let app = lease.app, let entry = entry(id: app),
      entry.record.observed.isAlive
    {
      throw ProtocolError(
        .portInUse, "Port \(params.port) belongs to `\(entry.record.app)`, which is running. Stop it first.")
    }
    defer { pages.clear() }
    return named(try ports.release(port: params.port))
  }

  package func whoOwns(_ params: PortWhoOwns.Params) throws -> PortWhoOwns.Result {
    let owners = try PortOwners.find(params.port)
    let holders = owners.map { owner in
      var holder = owner.holder
      if let record = self.owner(of: owner)?.record {
        holder.app = record.id
        holder.appName = record.app
        holder.workspace = record.workspace
      }
      return holder
    }
    return PortOwnership(
      port: params.port, listening: !owners.isEmpty, holders: holders,
      lease: ports.lease(of: params.port).map(named))
  }

  /// The app that a process which listens belongs to.
  func owner(of owner: PortOwner) -> AppEntry? {
    owner.process.flatMap { ShimAncestry.treeID(of: $0.pid) }.flatMap { entry(id: $0) }
  }

  private func named(_ lease: PortLease) -> PortLease {
    var lease = lease
    guard let record = lease.app.flatMap({ entry(id: $0) })?.record else { return lease }
    lease.appName = record.app
    lease.workspace = record.workspace
    return lease
  }
}
