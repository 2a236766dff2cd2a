import BerthClient
import BerthProtocol
import GRDB
import JSON
import Platform
import Synchronization
import TestSupport
import Testing

/// The server may die at any moment.
@Suite(.serialized) struct SurvivalTests {
  /// Kills the server two hundred times while three clients write, and each time looks for what was acknowledged.
  @Test func `no acknowledged write is lost by kill -9`() throws {
    let server = try TestServer()
    let folder = server.folder.path + "/ws"
    let workspace = try server.connect().request(WorkspaceCreate.self, .init(path: folder)).workspace.id
    let acknowledged = Mutex(Acknowledged())
    var found = Found()

    for round in 0..<200 {
      let hasEnded = Signal()
      let writers = Mutex(3)
      let end = { @Sendable in
        if writers.withLock({
          $0 -= 1; return $0
        }) == 0 {
          hasEnded.set()
        }
      }
      let home = server.home
      Self.write(home, end) { client in
        let number = acknowledged.withLock { $0.nextEvent() }
        _ = try client.request(
          StreamAppend.self,
          .init(stream: "custom/kills", events: [NewEvent(type: "n", payload: .integer(number))]))
        acknowledged.withLock { _ = $0.events.insert(number) }
      }
      Self.write(home, end) { client in
        let number = acknowledged.withLock { $0.nextCount() }
        let updated = try client.request(
          WorkspaceUpdate.self, .init(workspace: workspace, metadata: ["count": .integer(number)]))
        acknowledged.withLock { ($0.count, $0.version) = (number, updated.version) }
      }
      Self.write(home, end) { client in
        let number = acknowledged.withLock { $0.nextFile() }
        _ = try client.request(
          FileWrite.self, .init(workspace: workspace, path: "f", content: String(repeating: "\(number)\n", count: 500)))
        acknowledged.withLock { $0.file = number }
      }
      let client = try server.connect()
      // The moment of the kill is a random one between calls that are under way all the time.
      for _ in 0..<Int.random(in: 1..<40) { _ = try client.request(ServerPing.self, .init()) }
      server.kill()
      hasEnded.wait()
      try server.start()
      try check(server, workspace, acknowledged.withLock { $0 }, &found, round)
    }
    var all = Found()
    try check(server, workspace, acknowledged.withLock { $0 }, &all, 200)
    #expect(all.events == found.events)
    server.kill()
    let database = try DatabaseQueue(path: server.home.database)
    #expect(try database.read { try String.fetchAll($0, sql: "PRAGMA integrity_check") } == ["ok"])
    #expect(acknowledged.withLock { $0.events.count } > 200)
  }

  /// Calls `body` again and again on a thread of its own, until the connection breaks.
  private static func write(
    _ home: Home, _ end: @escaping @Sendable () -> Void, _ body: @escaping @Sendable (Client) throws -> Void
  ) {
    startDetached("writer") {
      defer { end() }
      guard let client = try? Client(MessageTransport(socket: home.socket), name: "writer") else { return }
      while (try? body(client)) != nil {}
    }
  }

  /// What the stream has been found to hold.
  private struct Found {
    var events: [Int] = []
    var after: String?
  }

  private static func compare(_ events: [Int], _ seen: Acknowledged, _ round: Int) {
    let isOrdered = zip(events, events.dropFirst()).allSatisfy { $0 < $1 }
    #expect(isOrdered, "round \(round): an event came twice or out of order")
    let lost = seen.events.subtracting(events)
    #expect(lost.isEmpty, "round \(round): acknowledged events are gone")
  }

  private func check(
    _ server: TestServer, _ workspace: String, _ seen: Acknowledged, _ found: inout Found, _ round: Int
  ) throws {
    let client = try server.connect()
    // What was found in earlier rounds is looked at again at the end.
    while !seen.events.isEmpty {
      let page = try client.request(StreamRead.self, .init(stream: "custom/kills", after: found.after))
      found.events += page.events.compactMap { $0.payload.intValue }
      found.after = page.next ?? found.after
      if page.caughtUp { break }
    }
    Self.compare(found.events, seen, round)
    let record = try client.request(WorkspaceGet.self, .init(workspace: workspace))
    #expect(record.version >= seen.version, "round \(round)")
    #expect((record.metadata["count"]?.intValue ?? 0) >= seen.count, "round \(round)")
    if seen.file > 0 {
      let file = try client.request(FileRead.self, .init(workspace: workspace, path: "f"))
      let lines = file.content.split(separator: "\n")
      #expect(lines.count == 500 && Set(lines).count == 1, "round \(round): half a file")
      #expect((lines.first.flatMap { Int($0) } ?? 0) >= seen.file, "round \(round)")
    }
  }

  /// What the server has confirmed so far, and the numbers to come.
  private struct Acknowledged {
    var events: Set<Int> = []
    var count = 0
    var version = 0
    var file = 0
    private var last = (event: 0, count: 0, file: 0)

    mutating func nextEvent() -> Int {
      last.event += 1
      return last.event
    }

    mutating func nextCount() -> Int {
      last.count += 1
      return last.count
    }

    mutating func nextFile() -> Int {
      last.file += 1
      return last.file
    }
  }

  @Test func `a follower that comes back after a restart misses nothing and gets nothing twice`() throws {
    let server = try TestServer()
    var received: [Int] = []
    var last: String?
    var written = 0
    for round in 0..<8 {
      let (writer, follower) = (try server.connect(), try server.connect())
      if written == 0 {
        _ = try writer.request(StreamAppend.self, .init(stream: "custom/f", events: [Self.event(0)]))
        written = 1
      }
      let attachment = try follower.request(StreamAttach.self, .init(stream: "custom/f", after: last))
      let target = written + 500
      while written < target {
        let events = (written..<written + 25).map(Self.event)
        _ = try writer.request(StreamAppend.self, .init(stream: "custom/f", events: events))
        written += 25
      }
      // Killed in the middle of what is being delivered, except for the last round, which takes all.
      while received.count < (round == 7 ? written : target - 250) {
        let notification = try #require(try follower.nextNotification(timeoutSeconds: 20))
        #expect(notification.params["attachment"]?.stringValue == attachment.attachment)
        for event in notification.params["events"]?.arrayValue ?? [] {
          received.append(event["payload"]?.intValue ?? -1)
          last = event["cursor"]?.stringValue
        }
      }
      server.kill()
      try server.start()
    }
    #expect(received == Array(0..<written))
  }

  private static func event(_ number: Int) -> NewEvent {
    NewEvent(type: "n", payload: .integer(number))
  }

  @Test func `a job that the server's death cut short is told as interrupted`() throws {
    let server = try TestServer()
    let hole = try BlackHole()
    let client = try server.connect()
    let folder = server.folder.path + "/ws"
    let workspace = try client.request(WorkspaceCreate.self, .init(path: folder)).workspace.id
    let started = try client.request(
      WorkspaceCloneTemplate.self, .init(workspace: workspace, url: "\(hole.url)/template.zip"))
    server.kill()
    try server.start()
    let job = try server.connect().request(JobGet.self, .init(job: started.job.id))
    #expect(job.state == .interrupted)
    let events = try server.connect().request(StreamRead.self, .init(stream: job.stream))
    #expect(events.eof)
    // The claim on the workspace went with the server.
    let answer = try server.connect().request(
      FileWrite.self, .init(workspace: workspace, path: "a", content: "x"))
    #expect(answer.created)
  }

  @Test func `a stale socket is taken over, and a home has one server`() throws {
    let server = try TestServer()
    server.kill()
    try server.start()
    let second = try TestServer.run(["serve", "--home", server.home.path])
    #expect(second.code != 0)
    #expect(second.errors.contains("has a server already"))
    #expect(server.terminate() == 0)
  }
}
