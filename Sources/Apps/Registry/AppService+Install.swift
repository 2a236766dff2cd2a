package import BerthProtocol
import Documents
import GRDB
import JSON
import Jobs
import Platform
import Storage
import Streams
import Supervisor
import Synchronization
import Workspaces

/// What becomes an app, and what is none any more.
extension AppService {
  /// `app/install`.
  package func install(_ params: AppInstall.Params) async throws -> AppInstall.Result {
    let workspace = try workspaces.open(params.workspace, for: .write).workspace
    let call = params.idempotencyKey.map {
      Idempotency.Call(scope: "app/install \(workspace.id)", key: $0, params: params)
    }
    if let call, let id = try database.read({ db in try Idempotency.result(of: call, in: db) })?.stringValue,
      let entry = entry(id: id)
    {
      return AppInstalled(app: describe(entry.record), created: false, warnings: [])
    }
    let (env, secrets) = (params.env ?? [:], params.secretEnv ?? [:])
    guard let url = params.url else {
      return try install(folder: params.folder, in: workspace.id, env: env, secrets: secrets, call)
    }
    let folder = params.folder.isEmpty ? Self.folderName(for: url) : params.folder
    let path = try FileService.path(folder)
    let root = try workspaces.open(workspace.id, for: .write).directory
    guard (try? root.status(of: path)) == nil else {
      throw ProtocolError(
        .alreadyExists, "`\(folder)` is there already. Name another folder, or install it without `url`.")
    }
    let parents = Self.absentParents(of: path, in: root)
    do {
      try await bring(url, params, into: path, of: workspace)
      do {
        return try install(folder: folder, in: workspace.id, env: env, secrets: secrets, call)
      } catch {
        _ = try? files.delete(FileDelete.Params(workspace: workspace.id, path: folder, recursive: true))
        throw error
      }
    } catch {
      // Those that have something in them now are somebody's.
      for parent in parents {
        guard let place = try? root.place(of: parent), (try? place.directory.removeDirectory(place.name)) != nil
        else { break }
      }
      throw error
    }
  }

  /// The folders above a path that are not there, the lowest first.
  private static func absentParents(of path: RelativePath, in root: Directory) -> [RelativePath] {
    var absent: [RelativePath] = []
    var parent = path.parent
    while !parent.isRoot, (try? root.status(of: parent)) == nil {
      absent.append(parent)
      parent = parent.parent
    }
    return absent
  }

  /// Brings the content of a new app, all of it or nothing.
  private func bring(
    _ url: String, _ params: AppInstall.Params, into path: RelativePath, of workspace: Workspace
  ) async throws {
    let begun = try templates.bring(
      url, ref: params.ref, subdirectory: params.subdirectory, into: path, of: workspace.id)
    let job = try await jobs.get(JobGet.Params(job: begun.id, waitSeconds: 86_400))
    guard job.state != .succeeded else { return }
    guard let error = job.error else {
      throw ProtocolError(.sourceUnavailable, "The job \(job.id) was \(job.state.rawValue). Try again.")
    }
    throw ProtocolError(ErrorType(rawValue: error.type) ?? .sourceUnavailable, error.message, detail: error.detail)
  }

  /// The name of a repository or an archive, without what tells its kind.
  private static func folderName(for url: String) -> String {
    let path = url.prefix { $0 != "?" && $0 != "#" }
    var name = path.split(whereSeparator: { $0 == "/" || $0 == ":" }).last.map(String.init) ?? "app"
    for suffix in [".git", ".zip", ".tar.gz", ".tgz", ".tar.zst"] where name.hasSuffix(suffix) {
      name.removeLast(suffix.count)
    }
    return name.isEmpty || name.hasPrefix(".") ? "app" : name
  }

  private func install(
    folder: String, in workspace: String, env: [String: String], secrets: [String: String], _ call: Idempotency.Call?
  ) throws -> AppInstalled {
    let folder = try AppFolder(folder, in: workspaces.open(workspace, for: .read))
    let (file, reading) = try folder.manifest()
    guard let manifest = reading.manifest else {
      throw ProtocolError.manifestInvalid(reading, file: folder.path(of: file))
    }
    let warnings = reading.findings.map {
      BerthProtocol.ManifestFinding($0, file: folder.path(of: file), source: reading.source)
    }
    let same = entries.filter { $0.record.workspace == workspace }
    if let entry = same.first(where: { $0.record.folder == folder.path }) {
      try checkName(manifest.id, among: same, except: entry)
      let record = try change(entry, event: EventType.appUpdated) { record in
        record.take(manifest, file: file, text: reading.source.bytes)
        record.env.merge(env) { $1 }
        record.secrets.merge(secrets) { $1 }
      }
      return AppInstalled(app: describe(record), created: false, warnings: warnings)
    }
    try checkName(manifest.id, among: same, except: nil)
    let now = Timestamp.now()
    var record = AppRecord(
      id: Identifier.make("app"), workspace: workspace, app: manifest.id, name: manifest.name, folder: folder.path,
      manifestFile: file, manifestText: "", env: env, secrets: secrets, since: now, createdAt: now, updatedAt: now)
    record.take(manifest, file: file, text: reading.source.bytes)
    let made = record
    try database.write { db in
      try made.save(db, box: self.box)
      try streams.record("events", type: EventType.appInstalled, payload: describe(made), in: db)
      if let call { try Idempotency.record(made.id, of: call, in: db) }
    }
    add(made)
    pages.clear()
    return AppInstalled(app: describe(made), created: true, warnings: warnings)
  }

  private func checkName(_ name: String, among same: [AppEntry], except entry: AppEntry?) throws {
    guard let other = same.first(where: { $0 !== entry && $0.record.app == name }) else { return }
    throw ProtocolError(
      .alreadyExists,
      "The workspace has an app `\(name)` already, in `\(other.record.folder)/`. Give this one another `app_id`.")
  }

  /// Installs what lies in a workspace's folders and is not installed yet.
  ///
  /// - Returns: Those that can't be.
  func installFound(in reference: String) throws -> [AppOutcome] {
    let workspace = try workspaces.open(reference, for: .read).workspace.id
    let installed = Set(entries.map(\.record).filter { $0.workspace == workspace }.map(\.folder))
    let names = ManifestFile.names.map(\.string)
    let page = try files.list(
      FileList.Params(
        workspace: workspace, depth: 32, include: names + names.map { "**/\($0)" },
        exclude: Self.foreignFolders.flatMap { [$0, "**/\($0)"] }, gitignore: true, types: [.file], limit: 1000))
    let folders = Set(
      page.entries.map { file in file.path.lastIndex(of: "/").map { String(file.path[..<$0]) } ?? "" })
    return folders.subtracting(installed).sorted().compactMap { folder in
      do {
        _ = try install(folder: folder, in: workspace, env: [:], secrets: [:], nil)
        return nil
      } catch {
        return AppOutcome(
          id: "", app: folder, ok: false, state: .failed, reason: .manifestInvalid,
          message: ProtocolError(describing: error).message, ports: [])
      }
    }
  }

  /// What is in these is somebody else's, or no source: manifests there are not the workspace's.
  private static let foreignFolders = [
    ".?*", "node_modules", "bower_components", "vendor", "third_party", "site-packages", "venv", "__pycache__",
  ]

  /// `app/configure`.
  package func configure(_ params: AppConfigure.Params) throws -> AppConfigure.Result {
    let entry = try find(params.app, workspace: params.workspace)
    let record = try change(entry, event: EventType.appUpdated) { record in
      if let version = params.ifVersion, version != record.version {
        throw ProtocolError(
          .versionConflict, "`\(record.app)` is of version \(record.version) now. Read it again.",
          extra: ["version": .integer(record.version)])
      }
      record.env = try Self.patched(record.env, params.env, "env")
      record.secrets = try Self.patched(record.secrets, params.secretEnv, "secretEnv")
    }
    return describe(record)
  }

  private static func patched(
    _ values: [String: String], _ patch: JSONObject?, _ parameter: String
  ) throws -> [String: String] {
    var values = values
    for member in patch?.members ?? [] {
      let (name, value) = (member.key, member.value)
      guard !name.isEmpty, !name.contains("="), !name.contains("\0") else {
        throw ProtocolError(.invalidArgument, "“\(name)” in `\(parameter)` can't be a variable's name.")
      }
      switch value {
      case .null: values[name] = nil
      case .string(let text) where !text.contains("\0"): values[name] = text
      default:
        throw ProtocolError(
          .invalidArgument, "`\(parameter).\(name)` must be a text without NUL, or null to remove it.")
      }
    }
    return values
  }

  /// `app/uninstall`.
  package func uninstall(_ params: AppUninstall.Params) async throws -> AppUninstall.Result {
    let entry = try find(params.app, workspace: params.workspace)
    if params.deleteFiles, entry.record.folder.isEmpty {
      throw ProtocolError(
        .invalidArgument, "The app's folder is the workspace's own, which `workspace/delete` deletes.")
    }
    try await stop(entry, graceSeconds: nil)
    let record = entry.record
    let last = describe(record)
    try ports.release(app: record.id)
    try database.write { db in
      try record.delete(db)
      try streams.record("events", type: EventType.appUninstalled, payload: summary(record), in: db)
    }
    forget(entry)
    if let name = FileName(record.id) { try? Directory(path: home.apps).removeTree(name) }
    if params.deleteFiles {
      _ = try files.delete(FileDelete.Params(workspace: record.workspace, path: record.folder, recursive: true))
    }
    return last
  }

  /// Forgets the apps of a workspace that is deleted.
  package func workspaceDeleted(_ workspace: String) async {
    for entry in entries where entry.record.workspace == workspace {
      _ = try? await uninstall(AppUninstall.Params(app: entry.id))
    }
  }
}
