package import BerthProtocol
import JSON
import Platform

extension WorkspaceService {
  /// Changes what is known of a workspace. A call that changes nothing leaves its version as it is.
  package func update(_ params: WorkspaceUpdate.Params) throws -> WorkspaceUpdate.Result {
    try changing {
      let before = try record(params.workspace)
      try Self.check(before, version: params.ifVersion)
      var record = before
      if let name = params.name, name != record.name {
        record.name = name
        record.slug = Slug.unique(Slug.make(from: name)) { slug in
          reading { $0.isSlugTaken(slug, except: record.id) }
        }
      }
      if let patch = params.labels { record.labels = try Self.labels(record.labels, merging: patch) }
      if let patch = params.metadata {
        record.metadata = record.metadata.merging(patch: patch)
        try Self.checkSize(of: record.metadata)
      }
      switch params.state {
      case .active: record.state = .active
      case .archived: record.state = .archived
      case nil: break
      }
      if let path = params.path { try point(&record, to: path) }
      guard record != before else { return describe(before) }
      record.version += 1
      record.updatedAt = timestamp()
      return try commit(record, event: EventType.workspaceUpdated)
    }
  }

  static func check(_ record: WorkspaceRecord, version: Int?) throws {
    guard let version, version != record.version else { return }
    throw ProtocolError.versionConflict(record, expected: version)
  }

  /// Points a workspace at a folder that is there.
  func point(_ record: inout WorkspaceRecord, to path: String) throws {
    try checkIdle(record)
    let path = try canonicalFolder(path)
    try rules.checkMayBeWorkspace(path)
    let look: FolderLook
    do throws(SystemError) {
      look = try FolderLook.at(path)
    } catch {
      guard error.meansMissing else { throw error }
      throw ProtocolError(.invalidArgument, "Nothing is at \(path). Pass the path where the folder is now.")
    }
    guard look.isDirectory else { throw ProtocolError.notADirectory(path) }
    try checkNotShared(path, look.identity, except: record.id)
    record.path = path
    record.isManaged = rules.isManaged(path)
    // Where it is the same folder, the identity that is recorded stays: it may differ by its device's number only.
    if !record.owns(look.identity) { record.folder = look.identity }
  }

  /// Merges a patch into labels, and holds the result to the schema of labels.
  private static func labels(_ labels: [String: String], merging patch: JSONObject) throws -> [String: String] {
    var result = labels
    var faults: [Fault] = []
    for member in patch.members {
      switch member.value {
      case .null:
        result[member.key] = nil
      case .string(let value) where value.unicodeScalars.count <= 256:
        result[member.key] = value
      case .string:
        faults.append(
          Fault(loc: ["labels", .string(member.key)], msg: "must have at most 256 characters", type: "max_length"))
      default:
        faults.append(Fault(loc: ["labels", .string(member.key)], msg: "must be a string or null", type: "type"))
      }
    }
    if result.count > 64 {
      faults.append(Fault(loc: ["labels"], msg: "must have at most 64 members", type: "max_properties"))
    }
    guard faults.isEmpty else {
      throw ProtocolError(.invalidArgument, "The labels would not be labels after this patch.", errors: faults)
    }
    return result
  }
}
