import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Supervisor

@Suite struct HTTPCheckTests {
  let poller: Poller

  init() throws {
    poller = try Poller()
  }

  /// Why a check fails; nil where it succeeds.
  func failure(
    _ server: TestHTTPServer, statuses: ClosedRange<Int> = 200...399, bodyContains: String? = nil,
    timeoutSeconds: Double = 20
  ) async throws -> String? {
    let check = HTTPCheck(port: server.port, path: "/health", statuses: statuses, bodyContains: bodyContains)
    do {
      try await Probe(.http(check), timeoutSeconds: timeoutSeconds).ask(poller)
      return nil
    } catch let failure as ProbeFailure {
      return failure.reason.replacing("127.0.0.1:\(server.port)", with: "HOST")
    }
  }

  @Test(
    arguments: [
      (["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], nil),
      (["HTTP/1.0 204 No Content\r\n\r\n"], nil),
      (["HTTP/1.1 302 Found\r\nLocation: /else\r\n\r\n"], nil),
      (["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"], nil),
      (["HT", "TP/1.1 200", " OK\n", "X: y\n", "\n"], nil),
      (["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"], "GET http://HOST/health answered 503"),
      (["HTTP/1.1 404\r\n\r\n"], "GET http://HOST/health answered 404"),
      (["SSH-2.0-OpenSSH_9.2\r\n"], "GET http://HOST/health: the answer is no HTTP"),
      (["HTTP/1.1 abc\r\n\r\n"], "GET http://HOST/health: the answer is no HTTP"),
      (["HTTP/1.1 200 OK\r\nX-"], "GET http://HOST/health: the connection was closed before the answer was whole"),
      ([], "GET http://HOST/health: the connection was closed before the answer was whole"),
    ] as [([String], String?)])
  func `An answer counts by its status`(pieces: [String], reason: String?) async throws {
    #expect(try await failure(TestHTTPServer(pieces)) == reason)
  }

  @Test(arguments: [
    (["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "all is", " ok."], true),
    (["HTTP/1.1 200 OK\r\n\r\nall is ", "ok"], true),
    (["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nall i\r\n4\r\ns ok\r\n0\r\n\r\n"], true),
    (["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nall is \r\n0\r\n\r\n"], false),
    (["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nall is ok"], false),
    (["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], false),
  ])
  func `A body is searched, however it comes`(pieces: [String], isFound: Bool) async throws {
    let reason = try await failure(TestHTTPServer(pieces), bodyContains: "is ok")
    #expect(reason == (isFound ? nil : "GET http://HOST/health answered 200, but its body does not hold “is ok”"))
  }

  @Test func `The request is one that any server takes`() async throws {
    let seen = Mutex("")
    let server = try TestHTTPServer { connection, request in
      seen.withLock { $0 = request }
      connection.write("HTTP/1.1 200 OK\r\n\r\n")
    }
    try await HTTPCheck(port: server.port, path: "a b?x=ä\r\nEvil: y").run(timeoutSeconds: 20, poller: poller)
    let request = seen.withLock { $0 }
    #expect(request.hasPrefix("GET /a%20b?x=%C3%A4%0D%0AEvil:%20y HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"))
    #expect(request.contains("\r\nConnection: close\r\n") && request.hasSuffix("\r\n\r\n"))
  }

  @Test func `What listens on version 6's loopback only is found`() async throws {
    let server = try TestHTTPServer(on: .any6, ["HTTP/1.1 200 OK\r\n\r\n"])
    #expect(try await failure(server) == nil)
  }

  @Test func `Where nobody listens, that is said`() async throws {
    let port = try ListeningSocket().port
    for (check, reason) in [
      (Probe.Check.http(HTTPCheck(port: port)), "GET http://127.0.0.1:\(port)/: connection refused"),
      (.tcp(port: port), "127.0.0.1:\(port): connection refused"),
    ] {
      let failure = await #expect(throws: ProbeFailure.self) { try await Probe(check).ask(poller) }
      #expect(failure?.reason == reason)
    }
    let listener = try ListeningSocket()
    try await Probe(.tcp(port: listener.port)).ask(poller)
    withExtendedLifetime(listener) {}
  }

  /// Servers that never come to an end, each until its client is gone.
  static let hostile: [(String, @Sendable (OwnedDescriptor) -> Void, String)] = [
    ("never answers", { waitForEnd($0) }, ": no answer within 2 s"),
    (
      "drips",
      { connection in
        for byte in "HTTP/1.1 200 OK\r\n" + String(repeating: "X", count: 10_000) {
          guard connection.write(String(byte)) else { return }
          usleep(20_000)
        }
      }, ": no answer within 2 s"
    ),
    (
      "sends headers without end",
      { connection in
        connection.write("HTTP/1.1 200 OK\r\n")
        while connection.write("X-Header: \(String(repeating: "y", count: 100))\r\n") {}
      }, ": the headers of its answer do not end"
    ),
    (
      "promises an answer without end", { connection in while connection.write("HTTP/1.1 100 Continue\r\n\r\n") {} },
      ": the headers of its answer do not end"
    ),
    (
      "sends a body without end",
      { connection in
        connection.write("HTTP/1.1 200 OK\r\n\r\n")
        while connection.write(String(repeating: "y", count: 10_000)) {}
      }, " answered 200, but its body does not hold “ok”"
    ),
    (
      "drips a body",
      { connection in
        connection.write("HTTP/1.1 200 OK\r\n\r\n")
        while connection.write("y") { usleep(20_000) }
      }, " answered 200, but its body did not end within 2 s"
    ),
    (
      "sends wrong chunks",
      { connection in
        connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
      }, ": the answer is no HTTP"
    ),
  ]

  static func waitForEnd(_ connection: OwnedDescriptor) {
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
      while ((try? connection.read(into: buffer)) ?? 0) > 0 {}
    }
  }

  @Test(arguments: hostile.indices)
  func `A hostile server costs its timeout and no more`(index: Int) async throws {
    let (_, behave, reason) = Self.hostile[index]
    let server = try TestHTTPServer { connection, _ in behave(connection) }
    let began = Timestamp.monotonicNanoseconds()
    // Those that are cut short by their size may take long on a machine that is busy.
    let timeoutSeconds: Double = reason.contains("within 2 s") ? 2 : 60
    let failure = try await failure(server, bodyContains: "ok", timeoutSeconds: timeoutSeconds)
    #expect(failure == "GET http://HOST/health\(reason)")
    #expect(Timestamp.monotonicNanoseconds() - began < 60_000_000_000)
  }

  @Test func `A check that is cancelled ends at once`() async throws {
    let server = try TestHTTPServer { connection, _ in Self.waitForEnd(connection) }
    let port = server.port
    let poller = poller
    let task = Task { try await HTTPCheck(port: port).run(timeoutSeconds: 3600, poller: poller) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value(within: 30) }
    withExtendedLifetime(server) {}
  }
}
