package import BerthProtocol
package import JSON
import Platform
import Supervisor
import Workspaces

/// What is told of apps.
extension AppService {
  /// `app/get`.
  package func get(_ params: AppGet.Params) throws -> AppGet.Result {
    describe(try find(params.app, workspace: params.workspace).record)
  }

  /// `app/buildStatus`.
  package func buildStatus(_ params: AppBuildStatus.Params) throws -> AppBuildStatus.Result {
    buildStatus(try find(params.app, workspace: params.workspace).record)
  }

  /// `app/list`, encoded: the same page is asked for again and again.
  package func list(_ params: AppList.Params) throws -> RawPage {
    let key = params.jsonString
    let (kept, age) = pages.find(key)
    if let kept { return RawPage(kept) }
    let workspace = try params.workspace.map { try workspaces.resolve($0).id }
    var rows: [AppSummary] = []
    var hasMore = false
    for entry in entries {
      if let cursor = params.cursor, entry.id <= cursor { continue }
      let record = entry.record
      guard workspace == nil || record.workspace == workspace,
        params.states?.contains(record.observed.state) ?? true
      else { continue }
      if rows.count == params.limit {
        hasMore = true
        break
      }
      rows.append(summary(record))
    }
    let page = AppPage(apps: rows, nextCursor: hasMore ? rows.last?.id : nil).jsonBytes()
    // A page that is asked for by a cursor is hardly asked for again.
    if params.cursor == nil { pages.keep(page, for: key, of: age) }
    return RawPage(page)
  }

  /// A result that is encoded already.
  package struct RawPage: JSONEncodable, Sendable {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
    }

    package func encode(into writer: inout JSONWriter) { writer.raw(bytes) }
  }

  func summary(_ record: AppRecord) -> AppSummary {
    let leases = ports.list(app: record.id).map { ($0.name, $0.port) }
    return AppSummary(
      id: record.id, workspace: record.workspace, app: record.app, name: record.name, state: record.observed.state,
      desired: record.desired, reason: record.observed.reason, since: record.since,
      ports: leases.isEmpty ? nil : Dictionary(leases) { first, _ in first }, version: record.version)
  }

  func describe(_ record: AppRecord) -> App {
    let observed = record.observed
    return App(
      id: record.id, workspace: record.workspace, app: record.app, name: record.name, folder: record.folder,
      manifest: record.manifestPath, state: observed.state, desired: record.desired, reason: observed.reason,
      message: observed.message, since: record.since, ports: appPorts(record), build: buildStatus(record),
      pid: observed.pid, processes: observed.processes.isEmpty ? nil : observed.processes,
      startedAt: observed.startedAt, restarts: observed.restarts, lastExit: observed.lastExit,
      nextTryAt: record.nextTryAt,
      dependsOn: (record.manifest?.dependencies ?? []).map {
        AppDependency(app: $0.app, condition: DependencyCondition(rawValue: $0.condition.rawValue) ?? .started)
      },
      stream: record.stream, env: record.env, secretEnv: record.secrets.keys.sorted(), version: record.version,
      createdAt: record.createdAt, updatedAt: record.updatedAt)
  }

  private func buildStatus(_ record: AppRecord) -> BuildStatus {
    guard record.manifest?.setup.command != nil else { return BuildStatus(state: .none) }
    let build = record.build
    return BuildStatus(state: build.state, job: build.job, endedAt: build.endedAt, message: build.message)
  }

  /// The ports that an app has been leased, with a look at who listens.
  func appPorts(_ record: AppRecord) -> [AppPort] {
    let leases = ports.list(app: record.id)
    guard !leases.isEmpty else { return [] }
    let listening = (try? PortOwners.listening(Set(leases.map(\.port)))) ?? []
    let environment = record.manifest.flatMap { try? self.environment(of: record, $0) }
    return leases.map { lease in
      let port = record.manifest?.ports.first { $0.name == lease.name }
      let path = port?.path.flatMap { environment?.string($0) }
      return AppPort(
        name: lease.name, port: lease.port, host: Self.host, protocol: port?.scheme == .http ? .http : .tcp,
        url: port?.scheme == .http ? Self.url(lease.port, path) : nil, env: port?.environmentNames ?? [],
        fixed: lease.fixed, listening: listening.contains(lease.port) && record.observed.isAlive)
    }
  }

  static let host = "127.0.0.1"

  static func url(_ port: Int, _ path: String?) -> String {
    let path = path ?? "/"
    return "http://\(host):\(port)\(path.hasPrefix("/") ? "" : "/")\(path)"
  }
}
