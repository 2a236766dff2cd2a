import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

/// A client that asks for more than it takes is made to wait, and nobody else is.
@Suite(.serialized) struct BackPressureTests {
  private let server: TestServer
  private let other: Client

  init() throws {
    server = try TestServer()
    other = try server.connect()
    _ = try other.request(WorkspaceCreate.self, .init(key: "w", path: server.folder.path + "/ws"))
    // What the first calls need, code and buffers, is no growth of what is measured later.
    for _ in 0..<20 { try othersAreServed() }
  }

  /// Sends until the client is held up. - Returns: How much the server's memory grows meanwhile, in bytes.
  private func growth(by flood: Flood, sending method: String, _ params: JSONValue) throws -> Int {
    let before = try ProcessFacts.memory(of: server.pid)
    let isHeldUp = try flood.sendUntilHeldUp(method, params)
    #expect(isHeldUp, "\(flood.sentBytes) bytes were taken")
    return try ProcessFacts.memory(of: server.pid) - before
  }

  /// Reads the answers to all that was sent, each of which comes once. - Returns: Their ids, in the order they come in.
  private func ids(of flood: Flood) throws -> [Int] {
    let answers = try flood.answers(flood.requests)
    #expect(!answers.contains { $0.isError })
    let ids = answers.map(\.id)
    #expect(ids.sorted() == Array(0..<flood.requests))
    return ids
  }

  private func othersAreServed() throws {
    for _ in 0..<100 { _ = try other.request(ServerPing.self, .init()) }
    _ = try other.request(FileWrite.self, .init(workspace: "w", path: "other", content: "x"))
  }

  @Test func `at maxInFlight reading pauses, and everything is answered once the slow requests end`() throws {
    let hole = try BlackHole()
    let job = try other.request(
      WorkspaceCloneTemplate.self, .init(workspace: "w", url: "\(hole.url)/template.zip")
    ).job
    let flood = try Flood(to: server.home.socket)
    let slow = other.server.limits.maxInFlight
    for _ in 0..<slow { try flood.request("job/get", ["job": .string(job.id), "waitSeconds": 3600]) }
    let grown = try growth(by: flood, sending: "server/ping", [:])
    #expect(grown < 16_000_000, "the server grew by \(grown) bytes")
    #expect(!flood.hasAnswers)
    for _ in 0..<100 { _ = try other.request(ServerPing.self, .init()) }

    _ = try other.request(JobCancel.self, .init(job: job.id))
    let ids = try ids(of: flood)
    // What waited is answered in the order in which it came.
    let pings = ids.filter { $0 >= slow }
    #expect(pings == pings.sorted())
  }

  @Test(arguments: ["server/ping", "file/read", "config/get"])
  func `a client that doesn't read its answers is held up itself, and misses none`(method: String) throws {
    let content = String(repeating: "0123456789abcdef", count: 4096)
    _ = try other.request(FileWrite.self, .init(workspace: "w", path: "f", content: content))
    let flood = try Flood(to: server.home.socket)
    let params: JSONValue = method == "file/read" ? ["workspace": "w", "path": "f"] : [:]
    let grown = try growth(by: flood, sending: method, params)
    #expect(grown < 16_000_000, "the server grew by \(grown) bytes")
    try othersAreServed()
    _ = try ids(of: flood)
  }

  @Test func `large answers that nobody reads are not made in advance`() throws {
    let content = String(repeating: "0123456789abcdef", count: 256 << 10)
    _ = try other.request(FileWrite.self, .init(workspace: "w", path: "f", content: content))
    _ = try other.request(FileRead.self, .init(workspace: "w", path: "f"))
    let flood = try Flood(to: server.home.socket)
    let before = try ProcessFacts.memory(of: server.pid)
    var largest = before
    for _ in 0..<other.server.limits.maxInFlight { try flood.request("file/read", ["workspace": "w", "path": "f"]) }
    // Long enough for all of them to be made, half a gigabyte, if nothing held them back.
    let end = Timestamp.monotonicNanoseconds() + 3_000_000_000
    while Timestamp.monotonicNanoseconds() < end {
      try othersAreServed()
      largest = max(largest, try ProcessFacts.memory(of: server.pid))
    }
    #expect(largest - before < 48_000_000, "the server grew by \(largest - before) bytes")
    _ = try ids(of: flood)
  }

  @Test func `a client that goes without having read is forgotten`() throws {
    let before = try other.request(ServerStatus.self, .init()).counts.connections
    do {
      let flood = try Flood(to: server.home.socket)
      let isHeldUp = try flood.sendUntilHeldUp("config/get", [:])
      #expect(isHeldUp)
      #expect(try other.request(ServerStatus.self, .init()).counts.connections == before + 1)
    }
    let end = Timestamp.monotonicNanoseconds() + 20_000_000_000
    while try other.request(ServerStatus.self, .init()).counts.connections != before {
      try #require(Timestamp.monotonicNanoseconds() < end)
    }
  }
}
