import BerthProtocol
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Supervisor

@Suite struct PortLeasesTests {
  let folder: TemporaryFolder
  let database: Storage.Database
  /// Few others take ports from here: it is outside of the range that the system chooses from.
  static let range = 26_100...26_400

  init() throws {
    folder = try TemporaryFolder()
    database = try Database(
      path: folder.path + "/berth.sqlite", durability: .normal, migrations: PortLeases.migrations)
  }

  func leases(_ range: ClosedRange<Int> = range) throws -> PortLeases {
    try PortLeases(database: database, range: range)
  }

  @Test func `Each name of an app has a port of its own, and keeps it over restarts and removals of others`() throws {
    var leases = try leases()
    let first = try leases.reserve(app: "a", name: "http")
    let second = try leases.reserve(app: "a", name: "mcp")
    let third = try leases.reserve(app: "b", name: "http")
    let own = try leases.reserve(app: nil, name: "http")
    #expect(Set([first.port, second.port, third.port, own.port]).count == 4)
    #expect(try leases.reserve(app: "a", name: "http") == first)
    #expect(try leases.release(app: "a") == [first, second])
    leases = try self.leases()
    #expect(leases.list() == [third, own])
    #expect(leases.lease(app: "b", name: "http") == third && leases.lease(of: third.port) == third)
    #expect(try leases.reserve(app: "b", name: "http") == third)
    #expect(try leases.release(port: own.port) == own)
    #expect(throws: ProtocolError.self) { try leases.release(port: own.port) }
  }

  @Test func `A port that somebody listens on is not leased`() throws {
    let leases = try leases()
    let port = try leases.reserve(app: "a", name: "http").port
    try leases.release(port: port)
    for address in [ListeningSocket.Address.any, .loopback, .any6] {
      let listener = try ListeningSocket(port: port, on: address)
      #expect(try PortTest.bind(port) == .taken)
      let other = try leases.reserve(app: "b", name: "http")
      #expect(other.port != port)
      try leases.release(port: other.port)
      withExtendedLifetime(listener) {}
    }
    // A process that another test is about to start has this one's descriptors until it runs its program.
    #expect(try waits(seconds: 10) { try PortTest.bind(port) == .free })
  }

  @Test func `A lease moves only where somebody else listens on its port, and tells who`() throws {
    let changes = Mutex<[PortChange]>([])
    let leases = try PortLeases(database: database, range: Self.range) { change, _ in
      changes.withLock { $0.append(change) }
    }
    let lease = try leases.reserve(app: "a", name: "http")
    #expect(try leases.confirm(app: "a", name: "http", isOwn: { _ in false }) == nil)
    let listener = try ListeningSocket(port: lease.port)
    #expect(try leases.confirm(app: "a", name: "http", isOwn: { _ in true }) == nil)
    let moved = try #require(try leases.confirm(app: "a", name: "http", isOwn: { _ in false }))
    #expect(moved.from == lease.port && moved.to.port != lease.port)
    #expect(moved.holder?.contains("pid \(ProcessStatus.processID)") == true)
    #expect(try self.leases().list() == [moved.to])
    #expect(changes.withLock { $0 } == [.leased(lease), .moved(moved)])
    withExtendedLifetime(listener) {}
  }

  @Test func `Connections that wait out their time are no reason to move`() throws {
    let leases = try leases()
    for (name, reusing) in [("one", true), ("other", false)] {
      let lease = try leases.reserve(app: "a", name: name)
      do {
        let listener = try ListeningSocket(port: lease.port, reusing: reusing)
        let client = try connectLocally(lease.port)
        // The side that closes first waits.
        _ = try listener.accept()
        withExtendedLifetime(client) {}
      }
      #expect(try leases.confirm(app: "a", name: name, isOwn: { _ in false }) == nil)
    }
  }

  @Test func `A fixed port is had or refused, with who has it`() throws {
    let leases = try leases()
    let listener = try ListeningSocket()
    var error = #expect(throws: ProtocolError.self) {
      try leases.reserve(app: "a", name: "http", port: listener.port)
    }
    #expect(error?.type == .portTaken && error?.message.contains("pid \(ProcessStatus.processID)") == true)
    #expect(try leases.reserve(app: "a", name: "http", port: listener.port, isOwn: { _ in true }).fixed)
    error = #expect(throws: ProtocolError.self) {
      try leases.confirm(app: "a", name: "http", isOwn: { _ in false })
    }
    #expect(error?.type == .portTaken)
    error = #expect(throws: ProtocolError.self) { try leases.reserve(app: "b", name: "x", port: listener.port) }
    #expect(error?.message.contains("leased to the app `a` as “http”") == true)
  }

  @Test func `A lease follows what is demanded of it`() throws {
    let leases = try leases()
    let lease = try leases.reserve(app: "a", name: "http")
    let free = Self.range.upperBound
    let fixed = try leases.reserve(app: "a", name: "http", port: free)
    #expect(fixed.port == free && fixed.fixed && leases.lease(of: lease.port) == nil)
    let loose = try leases.reserve(app: "a", name: "http")
    #expect(loose.port == free && !loose.fixed)
    #expect(try self.leases().list() == [loose])
    _ = try leases.reserve(app: "a", name: "old")
    #expect(try leases.release(app: "a", keeping: ["http"]).map(\.name) == ["old"])
  }

  @Test func `A range that is used up is told of`() throws {
    let leases = try leases(26_401...26_403)
    for name in ["a", "b", "c"] { _ = try leases.reserve(app: "x", name: name) }
    let error = #expect(throws: ProtocolError.self) { try leases.reserve(app: "x", name: "d") }
    #expect(error?.type == .noFreePort)
    leases.setRange(26_401...26_404)
    #expect(try leases.reserve(app: "x", name: "d").port == 26_404)
  }
}
