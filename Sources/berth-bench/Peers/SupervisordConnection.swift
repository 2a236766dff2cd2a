import Platform

/// XML-RPC over supervisord's Unix socket, on one connection that is kept, as `supervisorctl` does it.
final class SupervisordConnection {
  private let socket: OwnedDescriptor
  private var buffer: [UInt8] = []
  private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

  init(_ socket: OwnedDescriptor) {
    self.socket = socket
  }

  deinit {
    piece.deallocate()
  }

  func allProcessInfo() throws -> String {
    try sendAllProcessInfo()
    return try receive()
  }

  /// The first half of `allProcessInfo`, for who has several connections.
  func sendAllProcessInfo() throws { try send("supervisor.getAllProcessInfo", "") }

  /// The state of a program: `RUNNING`, `EXITED`…
  func state(of program: String) throws -> String {
    try send("supervisor.getProcessInfo", Self.string(program))
    let answer = try receive()
    guard let member = answer.firstRange(of: "<name>statename</name>"),
      let open = answer[member.upperBound...].firstRange(of: "<string>"),
      let close = answer[open.upperBound...].firstRange(of: "</string>")
    else { throw BenchmarkFailure("supervisord answered \(answer.prefix(200))") }
    return String(answer[open.upperBound..<close.lowerBound])
  }

  func start(_ program: String) throws {
    try send("supervisor.startProcess", Self.string(program) + Self.no)
    try expectNoFault()
  }

  /// Returns when supervisord says that it is stopped.
  func stop(_ program: String) throws {
    try send("supervisor.stopProcess", Self.string(program))
    try expectNoFault()
  }

  // MARK: Parts

  private static func string(_ text: String) -> String { "<param><value><string>\(text)</string></value></param>" }
  private static let no = "<param><value><boolean>0</boolean></value></param>"

  private func expectNoFault() throws {
    let answer = try receive()
    guard !answer.contains("<fault>") else { throw BenchmarkFailure("supervisord answered \(answer)") }
  }

  private func send(_ method: String, _ params: String) throws {
    let body =
      "<?xml version='1.0'?><methodCall><methodName>\(method)</methodName><params>\(params)</params></methodCall>"
    let request =
      "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
    let bytes = Array((request + body).utf8)
    try bytes.withUnsafeBufferPointer { try socket.write(UnsafeRawBufferPointer($0)) }
  }

  /// The body of the next answer.
  func receive() throws -> String {
    while true {
      if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
        let head = String(decoding: buffer[..<end], as: UTF8.self).lowercased()
        guard let field = head.firstRange(of: "content-length: "),
          let length = Int(head[field.upperBound...].prefix { $0.isNumber })
        else { throw BenchmarkFailure("supervisord answered \(head)") }
        if buffer.count >= end + length {
          defer { buffer.removeFirst(end + length) }
          return String(decoding: buffer[end..<end + length], as: UTF8.self)
        }
      }
      let count = try socket.read(into: piece)
      guard count > 0 else { throw BenchmarkFailure("supervisord closed the connection") }
      buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[..<count]))
    }
  }
}
