internal import BerthProtocol
internal import JSON
internal import Jobs

/// What makes the repetition of a call that starts a job harmless.
struct JobIdempotency {
  let scope: String
  /// nil where the caller gave none.
  let key: String?
  /// The parameters that make it the same call; how long to wait does not.
  let params: any JSONEncodable & Sendable

  var value: (scope: String, key: String, params: JSONValue)? {
    key.map { (scope, $0, params.jsonValue()) }
  }
}

extension JobReport {
  init(_ context: JobContext) {
    self.init(
      output: { context.output($0) },
      progress: { context.progress($0, completed: $1, total: $2, unit: $3) },
      checkCancellation: { try context.checkCancellation() })
  }
}

extension WorkspaceService {
  /// Looks whether a job that writes can be started on a workspace now. The job looks again.
  ///
  /// - Parameter isRepeatable: Whether the call may be the repetition of one whose job is the one that is busy.
  func openForJob(_ reference: String, isRepeatable: Bool) throws -> Workspace {
    do {
      return try open(reference, for: .write).workspace
    } catch let error as ProtocolError where error.type == .workspaceBusy && isRepeatable {
      return try resolve(reference)
    }
  }
}

extension WorkspaceService {
  /// Looks whether a job that reads can be started on a workspace now. Archived ones can be read.
  ///
  /// - Parameter isRepeatable: Whether the call may be the repetition of one whose job has ended since.
  func openForReadingJob(_ reference: String, isRepeatable: Bool = false) throws -> Workspace {
    let opened = try open(reference, for: .read)
    if !isRepeatable { try checkIdle(try record(opened.workspace.id)) }
    return opened.workspace
  }
}

extension JSONEncodable {
  /// The value as the result of a job.
  func jsonObject() -> JSONObject {
    jsonValue().objectValue ?? [:]
  }
}
