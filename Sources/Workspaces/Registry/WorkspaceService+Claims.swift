import BerthProtocol
import Platform
import Synchronization

/// Jobs that replace files of a workspace hold it alone. The claim is in memory only: a server that dies takes its
/// jobs along.
extension WorkspaceService {
  /// Claims a workspace's files for one job, until `endReplacing`.
  ///
  /// - Parameters:
  ///   - id: The workspace's id.
  ///   - job: The job's id, where it is known already; else it is told later with `nameReplacing`.
  /// - Throws: `workspace_busy`, with the other job's id as `job`, where another job holds it or a workspace inside or
  ///   around it; `workspace_archived`; `workspace_not_found`.
  package func beginReplacing(_ id: String, job: String? = nil) throws {
    try state.withLock { state in
      guard let record = state.table[id], record.state != .deleted else {
        throw ProtocolError.workspaceNotFound(id, deleted: state.table[id])
      }
      guard record.state != .archived else { throw ProtocolError.workspaceArchived(record) }
      try state.checkIdle(record)
      state.claims[id] = job ?? ""
    }
  }

  /// Tells which job holds a claim that was made without one.
  package func nameReplacing(_ id: String, job: String) {
    state.withLock { state in
      if state.claims[id] != nil { state.claims[id] = job }
    }
  }

  /// Gives the files back. Harmless where they are not claimed.
  package func endReplacing(_ id: String) {
    state.withLock { _ = $0.claims.removeValue(forKey: id) }
  }

  /// Announces that a staged folder will be exchanged for the workspace's. From now on either is taken for the
  /// workspace's folder, so that neither a reader nor a restart between the exchange and `adoptFolder` is led astray.
  ///
  /// - Parameters:
  ///   - id: The workspace's id.
  ///   - path: The staged folder.
  package func announceFolder(_ id: String, at path: String) throws {
    let incoming = try FolderLook.at(path).identity
    try changing {
      var record = try record(id)
      record.incoming = incoming
      try commit(record, event: nil)
    }
  }

  /// Takes the folder that stands at the workspace's path for its own, after a job has exchanged it.
  ///
  /// - Parameter id: The workspace's id.
  package func adoptFolder(_ id: String) throws {
    try changing {
      var record = try record(id)
      record.folder = try FolderLook.at(record.path).identity
      record.incoming = nil
      try commit(record, event: nil)
    }
  }
}

extension WorkspaceService {
  /// Throws `workspace_busy` while a job replaces files of the workspace, or of one inside or around its folder.
  func checkIdle(_ record: WorkspaceRecord) throws {
    try state.withLock { try $0.checkIdle(record) }
  }
}

extension WorkspaceService.State {
  /// Throws `workspace_busy` while a job replaces files of the workspace, or of one inside or around its folder.
  func checkIdle(_ record: WorkspaceRecord) throws {
    guard !claims.isEmpty else { return }
    for (id, job) in claims {
      guard let claimed = table[id] else { continue }
      if FolderPath.contains(claimed.path, record.path) || FolderPath.contains(record.path, claimed.path) {
        throw ProtocolError.workspaceBusy(record, job: job.isEmpty ? nil : job)
      }
    }
  }
}
