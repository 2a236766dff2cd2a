import Glibc
import Platform

/// A question over HTTP, to a port of this machine.
package struct HTTPCheck: Sendable, Hashable {
  package var port: Int
  /// With its query.
  package var path: String
  /// The status codes that are good. A redirect is an answer; it is not followed.
  package var statuses: ClosedRange<Int>
  /// What the body must hold, in its first 1 MiB.
  package var bodyContains: String?

  package init(port: Int, path: String = "/", statuses: ClosedRange<Int> = 200...399, bodyContains: String? = nil) {
    self.port = port
    self.path = path.hasPrefix("/") ? path : "/" + path
    self.statuses = statuses
    self.bodyContains = bodyContains
  }

  var url: String { "http://127.0.0.1:\(port)\(path)" }

  private static let maxBodyBytes = 1 << 20
  /// How long to wait for the rest of a body that nobody looks at: so long a server may be busy writing it, and would
  /// complain of a connection that is closed.
  private static let politeNanoseconds: Int64 = 200_000_000

  /// Asks once. A client library would take twenty times as long: this runs for each app, all the time.
  ///
  /// - Throws: `ProbeFailure`, `CancellationError`.
  func run(timeoutSeconds: Double, poller: Poller) async throws {
    let connection = try await LocalConnection.open(port: port, timeoutSeconds: timeoutSeconds, poller: poller)
    try await connection.send(request)
    var bytes: [UInt8] = []
    let answer = try await head(from: connection, &bytes)
    guard statuses.contains(answer.status) else {
      await finish(connection, answer, &bytes)
      throw ProbeFailure("answered \(answer.status)")
    }
    guard let bodyContains else { return await finish(connection, answer, &bytes) }
    var lateness: (any Error)?
    do {
      while !answer.isWhole(bytes), bytes.count - answer.bodyStart < Self.maxBodyBytes {
        guard try await connection.receive(into: &bytes, limit: 64 << 10) else { break }
      }
    } catch let failure as ProbeFailure {
      lateness = failure
    }
    if try answer.body(bytes).holds(bodyContains) { return }
    if lateness != nil {
      throw ProbeFailure(
        "answered \(answer.status), but its body did not end within \(timeoutSeconds.inSeconds)")
    }
    throw ProbeFailure("answered \(answer.status), but its body does not hold “\(bodyContains)”")
  }

  /// Receives an answer's head, and perhaps more.
  private func head(from connection: LocalConnection, _ bytes: inout [UInt8]) async throws -> HTTPAnswer {
    var start = 0
    while true {
      let lookedAt = bytes.count
      guard try await connection.receive(into: &bytes, limit: HTTPAnswer.maxHeadBytes) else {
        throw ProbeFailure("the connection was closed before the answer was whole")
      }
      while let answer = try HTTPAnswer(bytes, from: start, lookedAt: lookedAt) {
        if !answer.isProvisional { return answer }
        start = answer.bodyStart
      }
    }
  }

  /// Takes what is left of an answer, if it comes soon.
  private func finish(_ connection: LocalConnection, _ answer: HTTPAnswer, _ bytes: inout [UInt8]) async {
    let end = Timestamp.monotonicNanoseconds() + Self.politeNanoseconds
    while !answer.isWhole(bytes), bytes.count - answer.bodyStart < 64 << 10 {
      guard let isMore = try? await connection.receive(into: &bytes, limit: 64 << 10, until: end), isMore else {
        return
      }
    }
  }

  private var request: [UInt8] {
    // What a path can't hold is written as URLs do.
    var target = ""
    for byte in path.utf8 {
      if 0x21...0x7E ~= byte {
        target.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        target += "%" + String(byte >> 4, radix: 16, uppercase: true) + String(byte & 15, radix: 16, uppercase: true)
      }
    }
    let lines = [
      "GET \(target) HTTP/1.1", "Host: 127.0.0.1:\(port)", "User-Agent: berth-probe", "Accept: */*",
      "Connection: close", "", "",
    ]
    return Array(lines.joined(separator: "\r\n").utf8)
  }
}

extension [UInt8] {
  fileprivate func holds(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { text in
      withUnsafeBytes { bytes in
        guard let wanted = text.baseAddress, text.count > 0 else { return true }
        guard var start = bytes.baseAddress, bytes.count >= text.count else { return false }
        let last = start + (bytes.count - text.count)
        while start <= last, let found = memchr(start, Int32(wanted[0]), last - start + 1) {
          if memcmp(found, wanted, text.count) == 0 { return true }
          start = UnsafeRawPointer(found) + 1
        }
        return false
      }
    }
  }
}
