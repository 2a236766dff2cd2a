import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// Apps in a workspace of a server of their own.
final class Fleet {
  /// How many there are where many are wanted.
  static let size = 50

  private let bench: Bench
  private(set) var server: BerthServer
  private(set) var client: Client
  let workspace: Workspace

  /// An app as it is to be.
  struct Entry {
    let name: String
    let command: String
    /// Further lines of its manifest.
    var manifest = ""
  }

  /// Starts a server and makes a workspace with manifests. Nothing is installed or started yet.
  init(_ entries: [Entry], _ bench: Bench, config: JSONObject = [:]) throws {
    self.bench = bench
    server = try bench.startServer()
    client = try server.client()
    if !config.isEmpty { _ = try client.request(ConfigUpdate.self, .init(patch: config)) }
    workspace = try client.request(WorkspaceCreate.self, .init(name: "bench")).workspace
    for entry in entries {
      let folder = "\(workspace.path)/\(entry.name)"
      try Home.createPrivateFolder(folder)
      let start = JSONValue.string(entry.command).jsonString
      let manifest = "app_id: \(entry.name)\nlifecycle:\n  start: \(start)\n\(entry.manifest)"
      try SmallFile.replace(folder + "/app.runtime.yaml", with: Array(manifest.utf8))
    }
  }

  /// Apps that do the same.
  static func entries(_ command: String, count: Int = size, manifest: String = "") -> [Entry] {
    (0..<count).map { Entry(name: "app\($0)", command: command, manifest: manifest) }
  }

  static let sleeping = "exec sleep 100000"

  // MARK: Calls

  /// Returns when all apps are running.
  func ensureRunning() throws {
    let outcome = try client.request(AppEnsureRunning.self, .init(workspace: workspace.id))
    guard outcome.ok else {
      let failed = outcome.apps.filter { !$0.ok }.map { "\($0.app) is \($0.state.rawValue): \($0.message ?? "")" }
      throw BenchmarkFailure(failed.joined(separator: "; "))
    }
  }

  func install(_ name: String) throws -> App {
    try client.request(AppInstall.self, .init(workspace: workspace.id, folder: name)).app
  }

  func app(_ name: String) throws -> App { try client.request(AppGet.self, .init(app: name)) }

  /// The folder with the output of an app.
  func logFolder(of app: App) -> String { "\(server.home.apps)/\(app.id)/log" }

  // MARK: Processes

  /// The processes that hold the apps.
  var shims: [Int32] { ProcessTable.running(" \(server.home.shims)/") }

  func killServer() { server.kill() }

  /// Starts a server where one was killed. - Returns: When it takes calls.
  func startServer() throws {
    server = try server.startAgain()
    client = try server.client()
  }

  /// Starts a server, and kills it after a while, wherever it then is.
  func startServerInVain(forMicroseconds microseconds: UInt32) throws {
    try server.startInVain(forMicroseconds: microseconds)
  }

  /// Ends everything.
  func stop() {
    _ = try? client.request(AppStopAll.self, .init(graceSeconds: 0))
    server.stop()
    bench.scratch.endProcesses(using: server.home.path)
  }
}
