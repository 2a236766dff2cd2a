import BerthClient
import BerthProtocol
import GRDB
import JSON
import Platform
import TestSupport
import Testing

/// The home's disk is really full.
@Suite(.enabled(if: SmallDisk.isPossible, "mounting needs the right to")) struct FullDiskTests {
  let server: TestServer
  let client: Client

  init() throws {
    server = try TestServer(diskBytes: 24 << 20)
    client = try server.connect()
    _ = try client.request(WorkspaceCreate.self, .init(name: "small"))
    _ = try client.request(WorkspaceCreate.self, .init(name: "roomy", path: server.folder.path + "/roomy"))
    try write("f", "before")
    try append()
  }

  private func write(_ path: String, _ content: String, in workspace: String = "small") throws {
    _ = try client.request(FileWrite.self, .init(workspace: workspace, path: path, content: content))
  }

  private func read(_ path: String, in workspace: String = "small") throws -> String {
    try client.request(FileRead.self, .init(workspace: workspace, path: path)).content
  }

  private func append() throws {
    let event = NewEvent(type: "x", payload: .string(String(repeating: "x", count: 20_000)))
    _ = try client.request(StreamAppend.self, .init(stream: "custom/a", events: [event]))
  }

  private func count() throws -> Int {
    let streams = try client.request(StreamList.self, .init(prefix: "custom/")).streams
    return streams.first?.events ?? 0
  }

  /// Calls until there is no room for one. - Returns: How many succeeded before.
  private func fails(_ call: () throws -> Void) throws -> Int {
    for number in 0..<10_000 {
      do {
        try call()
      } catch let error as CallError {
        #expect(error.type == .noSpace && error.code == 503, "\(error)")
        #expect(error.data?["retryable"] == true)
        return number
      }
    }
    Issue.record("there is always room")
    return 0
  }

  @Test func `calls that need room fail with no_space, the others go on, and all is well once there is room`() throws {
    let disk = try #require(server.disk)
    try disk.fill()
    // Twice: the failure itself changes nothing.
    let appended = try fails(append) + fails(append)
    for path in ["f", "new"] {
      let written = try fails { try write(path, Self.long) }
      #expect(written == 0)
    }
    _ = try fails {
      _ = try client.request(WorkspaceCreate.self, .init(name: "another", metadata: ["x": .string(Self.long)]))
    }
    _ = try fails { _ = try client.request(WorkspaceSnapshot.self, .init(workspace: "small", label: Self.label)) }

    #expect(try read("f") == "before")
    #expect(try client.request(FileList.self, .init(workspace: "small")).entries.map(\.path) == ["f"])
    #expect(try count() == appended + 1)
    #expect(try client.request(StreamRead.self, .init(stream: "custom/a")).events.count > 0)
    #expect(try client.request(ServerStatus.self, .init()).pid == Int(server.pid))
    // What lies on another disk is written too.
    try write("f", "elsewhere", in: "roomy")
    #expect(try read("f", in: "roomy") == "elsewhere")

    disk.makeRoom()
    try write("f", "after")
    #expect(try read("f") == "after")
    try append()
    #expect(try count() == appended + 2)
    let job = try client.request(WorkspaceSnapshot.self, .init(workspace: "small", waitSeconds: 20)).job
    #expect(job.state == .succeeded)
    try checkDatabase()
  }

  @Test func `a server that is killed while its disk is full has all that was acknowledged once there is room`() throws
  {
    let disk = try #require(server.disk)
    try disk.fill()
    let appended = try fails(append)
    server.kill()
    do {
      try server.start()
    } catch let failure as StartFailure {
      #expect(failure.description.contains("is full. Free some space and start again."))
    }
    server.kill()
    disk.makeRoom()
    try server.start()
    let events = try server.connect().request(StreamList.self, .init(prefix: "custom/")).streams.first?.events
    #expect(events == appended + 1)
    _ = try server.connect().request(StreamAppend.self, .init(stream: "custom/a", events: [NewEvent(type: "x")]))
    try checkDatabase()
  }

  private static let long = String(repeating: "x", count: 20_000)
  private static let label = String(repeating: "x", count: 200)

  private func checkDatabase() throws {
    #expect(server.terminate() == 0)
    let database = try DatabaseQueue(path: server.home.database)
    #expect(try database.read { try String.fetchAll($0, sql: "PRAGMA integrity_check") } == ["ok"])
  }
}
