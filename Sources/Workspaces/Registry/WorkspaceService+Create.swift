package import BerthProtocol
import GRDB
import JSON
import Platform
import Storage

/// How a new workspace is filled from a template.
package struct TemplateFilling: Sendable {
  /// Throws where the template or its variables can be seen to be faulty before anything is made.
  package var check: @Sendable (_ params: WorkspaceCreate.Params) throws -> Void
  /// Starts the job. With an idempotency key among the params, a repetition returns the job that was started first.
  package var start: @Sendable (_ workspace: Workspace, _ params: WorkspaceCreate.Params) throws -> Job

  package init(
    check: @escaping @Sendable (_ params: WorkspaceCreate.Params) throws -> Void,
    start: @escaping @Sendable (_ workspace: Workspace, _ params: WorkspaceCreate.Params) throws -> Job
  ) {
    self.check = check
    self.start = start
  }
}

extension WorkspaceService {
  /// How many bytes of JSON a workspace's metadata may take.
  static let maximumMetadataBytes = 1 << 20

  /// Makes a workspace, and starts the job that fills it where a template is given.
  ///
  /// - Parameter filling: How templates are put in place; nil where the caller has none.
  package func create(
    _ params: WorkspaceCreate.Params, filling: TemplateFilling? = nil
  ) throws -> WorkspaceCreate.Result {
    guard params.template == nil || filling != nil else {
      throw ProtocolError(.invalidArgument, "No template can be put in place here. Create the workspace without one.")
    }
    var made = MadeFolders()
    var created = try changing {
      if let before = try repetition(of: params) { return before }
      if params.template != nil { try filling?.check(params) }
      do {
        return try make(params, &made)
      } catch {
        made.remove()
        throw error
      }
    }
    if params.template != nil, let filling {
      do {
        created.job = try filling.start(created.workspace, params)
      } catch {
        if created.created { undo(created.workspace, params, made) }
        throw error
      }
    }
    return created
  }

  private static func call(_ params: WorkspaceCreate.Params) -> Idempotency.Call? {
    params.idempotencyKey.map { Idempotency.Call(scope: "workspace/create", key: $0, params: params) }
  }

  /// What the first call with this idempotency key made.
  private func repetition(of params: WorkspaceCreate.Params) throws -> WorkspaceCreated? {
    guard let call = Self.call(params),
      let result = try database.read({ db in try Idempotency.result(of: call, in: db) })
    else { return nil }
    let first = try Decoding.decode(Workspace.self, from: result)
    // As it is today, where it is still known.
    return WorkspaceCreated(
      workspace: (try? resolve(first.id, includingDeleted: true)) ?? first, created: false)
  }

  private func make(_ params: WorkspaceCreate.Params, _ made: inout MadeFolders) throws -> WorkspaceCreated {
    if let key = params.key, let holder = reading({ $0.holder(ofKey: key) }) {
      throw ProtocolError.keyTaken(key, by: holder)
    }
    let metadata = params.metadata ?? JSONObject()
    try Self.checkSize(of: metadata)
    let path = try params.path.map { try takeFolder($0, &made) }
    let name = params.name ?? path.map { FolderPath.name(of: $0) } ?? params.key ?? "workspace"
    let slug = Slug.unique(Slug.make(from: name)) { slug in reading { $0.isSlugTaken(slug) } }
    let folder = try path ?? makeManagedFolder(slug, &made)
    let time = timestamp()
    let record = WorkspaceRecord(
      id: Identifier.make("ws"), key: params.key, slug: slug, name: name, path: folder,
      isManaged: rules.isManaged(folder), state: .active, labels: params.labels ?? [:], metadata: metadata, version: 1,
      createdAt: time, updatedAt: time, folder: try FolderLook.at(folder).identity)
    let workspace = try commit(record, event: EventType.workspaceCreated) { db, workspace in
      if let call = Self.call(params) { try Idempotency.record(workspace, of: call, in: db) }
    }
    return WorkspaceCreated(workspace: workspace, created: true)
  }

  /// Takes a folder of the user's for a workspace; makes it where it is missing.
  private func takeFolder(_ path: String, _ made: inout MadeFolders) throws -> String {
    let path = try canonicalFolder(path)
    try rules.checkMayBeWorkspace(path)
    do throws(SystemError) {
      try made.make(path, permissions: 0o777)
    } catch {
      throw error.errno == SystemError.Code.notDirectory ? ProtocolError.notADirectory(path) : error
    }
    let look = try FolderLook.at(path)
    guard look.isDirectory else { throw ProtocolError.notADirectory(path) }
    try checkNotShared(path, look.identity)
    return path
  }

  /// Makes a folder in the home. One of that name that is not empty, or belongs to a workspace, is left alone.
  private func makeManagedFolder(_ slug: String, _ made: inout MadeFolders) throws -> String {
    try made.make(rules.workspaces, permissions: 0o700)
    let taken = reading { Set($0.all.lazy.map(\.path)) }
    let name = try Slug.unique(slug) { name in
      let path = FolderPath.join(rules.workspaces, name)
      if taken.contains(path) { return true }
      // An empty one is left of a server that died before it had written the workspace down.
      return try !made.make(path, permissions: 0o777) && !isEmptyFolder(path)
    }
    return FolderPath.join(rules.workspaces, name)
  }

  /// The canonical form of a path that a caller has passed.
  func canonicalFolder(_ path: String) throws -> String {
    do {
      return try FolderPath.canonical(path)
    } catch let error as SystemError where error.errno == SystemError.Code.notDirectory {
      throw ProtocolError.notADirectory(path)
    }
  }

  /// Throws `already_exists` where the folder is another living workspace's.
  func checkNotShared(_ path: String, _ identity: FolderIdentity, except id: String? = nil) throws {
    let holder = reading { table in
      table.living.first { $0.id != id && ($0.path == path || $0.owns(identity)) }
    }
    if let holder { throw ProtocolError.folderTaken(path, by: holder) }
  }

  static func checkSize(of metadata: JSONObject) throws {
    let size = metadata.jsonBytes().count
    guard size <= maximumMetadataBytes else {
      throw ProtocolError(
        .invalidArgument,
        "The metadata takes \(size) bytes and may take \(maximumMetadataBytes). Keep large things in files.")
    }
  }

  /// Takes a workspace back whose template job could not be started.
  private func undo(_ workspace: Workspace, _ params: WorkspaceCreate.Params, _ made: MadeFolders) {
    // Where this fails too, the workspace stays, empty, and the caller finds it in the list.
    _ = try? changing {
      try forget(workspace.id, event: EventType.workspacePurged) { db in
        if let call = Self.call(params) { try Idempotency.forget(call, in: db) }
      }
    }
    made.remove()
  }
}
