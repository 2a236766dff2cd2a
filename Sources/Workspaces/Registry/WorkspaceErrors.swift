import BerthProtocol
import Glibc
import JSON
import Platform

extension SystemError {
  /// Whether it says that nothing is at the path.
  var meansMissing: Bool { errno == ENOENT || errno == ENOTDIR }
}

extension ProtocolError {
  static func workspaceNotFound(_ reference: String, deleted: WorkspaceRecord?) -> ProtocolError {
    guard let deleted else {
      return ProtocolError(
        .workspaceNotFound,
        "No workspace has the id, key or slug `\(reference)`. `workspace/list` tells those that there are.")
    }
    return ProtocolError(
      .workspaceNotFound,
      "The workspace `\(reference)` was deleted. `workspace/restore` brings it back.",
      extra: ["workspace": .string(deleted.id)])
  }

  static func versionConflict(_ record: WorkspaceRecord, expected: Int) -> ProtocolError {
    ProtocolError(
      .versionConflict,
      "The workspace `\(record.slug)` is of version \(record.version), not \(expected). Read it again and repeat.",
      extra: ["version": .integer(record.version)])
  }

  static func keyTaken(_ key: String, by holder: WorkspaceRecord) -> ProtocolError {
    ProtocolError(
      .alreadyExists, "The key `\(key)` belongs to the workspace `\(holder.slug)`. Choose another.",
      extra: ["workspace": .string(holder.id)])
  }

  static func folderTaken(_ path: String, by holder: WorkspaceRecord) -> ProtocolError {
    ProtocolError(
      .alreadyExists, "The folder \(path) is the workspace `\(holder.slug)`. Two workspaces cannot share one folder.",
      extra: ["workspace": .string(holder.id)])
  }

  static func pathTaken(_ path: String) -> ProtocolError {
    ProtocolError(.alreadyExists, "Something is at \(path) already. Move it away, or pass another `path`.")
  }

  static func notADirectory(_ path: String) -> ProtocolError {
    ProtocolError(.notADirectory, "\(path) is not a folder. Pass the path of one.")
  }

  static func workspaceBusy(_ record: WorkspaceRecord, job: String?) -> ProtocolError {
    ProtocolError(
      .workspaceBusy,
      "The job \(job ?? "of another caller") is replacing files of the workspace `\(record.slug)`. "
        + "Try again when it has ended.",
      extra: job.map { ["job": .string($0)] } ?? [:])
  }

  static func workspaceArchived(_ record: WorkspaceRecord) -> ProtocolError {
    ProtocolError(
      .workspaceArchived,
      "The workspace `\(record.slug)` is archived and read-only. Set its state to `active` with `workspace/update`.")
  }

  /// The folder is not to be worked in: gone, another one, or closed to the server.
  static func folderUnusable(_ record: WorkspaceRecord, _ state: FolderState) -> ProtocolError {
    let mend = "Put it back, or point the workspace at it with `workspace/update` and `path`."
    switch state {
    case .inaccessible:
      return ProtocolError(
        .permissionDenied,
        "The folder \(record.path) of the workspace `\(record.slug)` is closed to the server. Mend its permissions.")
    case .replaced:
      return ProtocolError(
        .folderMissing,
        "Another folder stands at \(record.path) than that of the workspace `\(record.slug)`. \(mend)",
        extra: ["folderState": .string(state.rawValue), "path": .string(record.path)])
    case .missing, .present:
      return ProtocolError(
        .folderMissing, "The folder \(record.path) of the workspace `\(record.slug)` is gone. \(mend)",
        extra: ["folderState": .string(state.rawValue), "path": .string(record.path)])
    }
  }
}
