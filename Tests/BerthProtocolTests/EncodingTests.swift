import BerthProtocol
import JSON
import Testing

@Suite struct EncodingTests {
  private let workspace = Workspace(
    id: "ws_1", key: "k", slug: "my-project", name: "My \"project\"", path: "/tmp/ä", managed: true, state: .archived,
    folderState: .present, labels: ["team": "a", "area": "b"], metadata: ["any": [1, 2.5, nil, true]], version: 3,
    createdAt: "2026-11-20T22:30:00.123Z", updatedAt: "2026-11-20T22:30:00.123Z", deletedAt: nil)

  private func roundTrip<T: JSONCodable & Equatable>(
    _ value: T, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let decoded = try Decoding.decode(T.self, from: try JSONParser.parse(value.jsonBytes()))
    #expect(decoded == value, sourceLocation: sourceLocation)
  }

  @Test func structuresComeBackAsTheyWent() throws {
    try roundTrip(workspace)
    try roundTrip(WorkspaceCreated(workspace: workspace, created: true))
    try roundTrip(Config())
    try roundTrip(FileChanged(path: "a", from: "b", type: .symlink))
    try roundTrip(StreamEvent(cursor: "1", time: "t", type: "x", payload: nil))
    try roundTrip(
      Job(
        id: "job_1", kind: .import, title: "t", state: .running, stream: "job/job_1",
        progress: JobProgress(message: "m", completed: 1, unit: .bytes), result: ["a": 1], version: 1, createdAt: "t"))
    try roundTrip(Fault(loc: ["a", 1], msg: "m", type: "type"))
    try roundTrip(NullResult())
  }

  @Test func parametersComeBackAsTheyWent() throws {
    try roundTrip(FileList.Params(workspace: "w", include: ["*.swift"], types: [.file, .directory]))
    try roundTrip(ServerStop.Params(graceSeconds: 1.5))
    try roundTrip(CancelRequest.Params(id: 7))
    try roundTrip(StreamAppend.Params(stream: "custom/a", events: [NewEvent(type: "a", payload: [1])]))
  }

  @Test func absentMembersAreNotWritten() {
    #expect(GetText.of(FileChanged(path: "a", type: .file)) == #"{"path":"a","type":"file"}"#)
    #expect(GetText.of(JobGet.Params(job: "j")) == #"{"job":"j","waitSeconds":0}"#)
  }

  private enum GetText {
    static func of(_ value: some JSONEncodable) -> String { value.jsonString }
  }

  @Test func errorsAreWrittenAsTheWireHasThem() throws {
    let error = ProtocolError(
      .versionConflict, "The workspace `w` has changed. Read it again.", detail: "it is of version 4",
      extra: ["version": 4])
    #expect(
      error.jsonValue() == [
        "code": 409, "message": "The workspace `w` has changed. Read it again.",
        "data": ["type": "version_conflict", "detail": "it is of version 4", "retryable": false, "version": 4],
      ])
  }

  @Test func faultsAreWrittenWithTheirPaths() throws {
    let error = #expect(throws: ProtocolError.self) { try FileRead.Params.decode(["workspace": 1, "offset": -1]) }
    let data = try #require(error?.jsonValue()["data"])
    #expect(data["type"] == "invalid_params")
    #expect(
      data["errors"] == [
        ["loc": ["workspace"], "msg": "must be a string, not integer", "type": "type"],
        ["loc": ["path"], "msg": "is required", "type": "missing"],
        ["loc": ["offset"], "msg": "must be at least 0", "type": "minimum"],
      ])
  }
}
