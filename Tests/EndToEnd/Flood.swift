import Glibc
import JSON
import Platform
import Testing

/// What the beginning of an answer tells.
struct Answer {
  /// -1 where it is no number.
  let id: Int
  let isError: Bool

  init(_ text: [UInt8]) throws {
    let text = String(decoding: text, as: UTF8.self)
    let start = #"{"jsonrpc":"2.0","id":"#
    try #require(text.hasPrefix(start), "\(text)")
    let rest = text.dropFirst(start.count)
    id = Int(rest.prefix { $0 != "," }) ?? -1
    isError = rest.drop { $0 != "," }.hasPrefix(#","error""#)
  }
}

/// A client that sends as much as the server takes from it, and reads only when it is told to.
final class Flood {
  private let socket: OwnedDescriptor
  /// What has not been taken yet of the last message.
  private var rest: [UInt8] = []
  /// The first bytes of the answer that has not come whole yet.
  private var beginning: [UInt8] = []
  private static let beginningBytes = 64
  private(set) var sentBytes = 0
  /// The ids of the requests that were sent are 0 up to this.
  private(set) var requests = 0

  init(to path: String) throws {
    socket = try UnixSocket.connect(path)
    try send(#"{"jsonrpc":"2.0","id":"init","method":"initialize","params":{}}"#)
    _ = try answers(1)
  }

  /// Sends one request, of which nothing may be held up.
  func request(_ method: String, _ params: JSONValue) throws {
    try send(next(method, params))
  }

  /// Sends requests until the server takes no more for a second.
  ///
  /// - Returns: Whether it came to that before so many bytes were sent that nothing seems to hold it up.
  func sendUntilHeldUp(_ method: String, _ params: JSONValue, limitBytes: Int = 32 << 20) throws -> Bool {
    while sentBytes < limitBytes {
      if rest.isEmpty { rest = Array((next(method, params) + "\n").utf8) }
      if try !push(), !ready(POLLOUT, milliseconds: 1000) { return true }
    }
    return false
  }

  /// Whether anything has come that was not read.
  var hasAnswers: Bool { ready(POLLIN, milliseconds: 0) }

  /// Reads so many answers, and sends the rest of what was held up meanwhile.
  func answers(_ count: Int) throws -> [Answer] {
    var answers: [Answer] = []
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while answers.count < count {
      while !rest.isEmpty, try push() {}
      try #require(ready(POLLIN, milliseconds: 20_000), "only \(answers.count) answers of \(count) come")
      let size = socket.withDescriptor { recv($0, &piece, piece.count, 0) }
      try #require(size > 0, "the connection has ended")
      try piece.withUnsafeBytes { bytes in
        var line = UnsafeRawBufferPointer(rebasing: bytes[..<size])
        while let start = line.baseAddress, let end = memchr(start, 10, line.count) {
          let length = UnsafeRawPointer(end) - start
          beginning += line.prefix(min(length, Self.beginningBytes - beginning.count))
          answers.append(try Answer(beginning))
          beginning = []
          line = UnsafeRawBufferPointer(rebasing: line.dropFirst(length + 1))
        }
        beginning += line.prefix(Self.beginningBytes - beginning.count)
      }
    }
    return answers
  }

  private func next(_ method: String, _ params: JSONValue) -> String {
    defer { requests += 1 }
    let message: JSONValue = [
      "jsonrpc": "2.0", "id": .integer(requests), "method": .string(method), "params": params,
    ]
    return message.jsonString
  }

  private func send(_ text: String) throws {
    try Array((text + "\n").utf8).withUnsafeBytes { try socket.write($0) }
  }

  /// Sends what is taken at once. - Returns: Whether anything was.
  private func push() throws -> Bool {
    let count = socket.withDescriptor { Glibc.send($0, rest, rest.count, Int32(MSG_DONTWAIT)) }
    guard count >= 0 else {
      guard errno == EAGAIN else { throw SystemError("send") }
      return false
    }
    rest.removeFirst(count)
    sentBytes += count
    return true
  }

  private func ready(_ what: Int32, milliseconds: Int32) -> Bool {
    var request = socket.withDescriptor { pollfd(fd: $0, events: Int16(what), revents: 0) }
    return poll(&request, 1, milliseconds) > 0
  }
}
