import BerthProtocol
import JSON
import Platform

/// A workspace as it is kept: what the protocol tells of it, and how its folder and its trash are recognised.
struct WorkspaceRecord: Sendable, Hashable {
  /// What is known of a workspace that was deleted.
  struct Deletion: Sendable, Hashable {
    /// When, as a timestamp of the protocol.
    var at: String
    /// The state it goes back to when it is restored.
    var stateBefore: WorkspaceState
    /// Where its folder waits; nil where the folder was left alone, or is gone for good.
    var trashPath: String?
    /// Whether its files were deleted for good.
    var filesDeleted: Bool
  }

  /// A rename of the folder that was begun. It is written down before the rename and struck out in the transaction
  /// that makes it good, so that a server that died in between leaves no doubt where the folder is.
  struct Move: Sendable, Hashable {
    var from: String
    var to: String
  }

  var id: String
  var key: String?
  var slug: String
  var name: String
  /// The folder's own path, without links, `.` and `..`.
  var path: String
  var isManaged: Bool
  var state: WorkspaceState
  var labels: [String: String]
  var metadata: JSONObject
  var version: Int
  var createdAt: String
  var updatedAt: String
  var folder: FolderIdentity
  /// The folder that is about to take the folder's place, while a job exchanges the two.
  var incoming: FolderIdentity?
  var deletion: Deletion?
  var move: Move?

  /// Whether a folder that was looked at is the workspace's.
  func owns(_ identity: FolderIdentity) -> Bool {
    folder.isSameFolder(as: identity) || incoming?.isSameFolder(as: identity) == true
  }

  /// Looks at the folder: one system call.
  func folderState() -> FolderState {
    // A folder in the trash, or gone for good, is not where it was, whatever stands there now.
    if let deletion, deletion.filesDeleted || deletion.trashPath != nil { return .missing }
    do {
      let look = try FolderLook.at(path)
      return look.isDirectory && owns(look.identity) ? .present : .replaced
    } catch {
      return error.meansMissing ? .missing : .inaccessible
    }
  }

  /// The workspace as the protocol tells it.
  ///
  /// - Parameter keepSeconds: How long a deleted workspace can be restored.
  func workspace(folderState: FolderState, keepSeconds: Int) -> Workspace {
    Workspace(
      id: id, key: key, slug: slug, name: name, path: path, managed: isManaged, state: state,
      folderState: folderState, labels: labels, metadata: metadata, version: version, createdAt: createdAt,
      updatedAt: updatedAt, deletedAt: deletion?.at,
      restorableUntil: restorableUntil(keepSeconds: keepSeconds).map { Timestamp.string(nanosecondsSince1970: $0) },
      filesDeleted: deletion?.filesDeleted ?? false)
  }

  /// Until when a deleted workspace can be restored, in nanoseconds since 1970; nil for one that lives.
  func restorableUntil(keepSeconds: Int) -> Int64? {
    deletion.map { (Timestamp.nanoseconds(from: $0.at) ?? 0) + Int64(keepSeconds) * 1_000_000_000 }
  }
}
