import JSON
import NIOCore
import NIOEmbedded
import Platform
import Testing

@testable import JSONRPC

/// The answers of a batch are one message, which has a largest size.
@Suite struct BatchTests {
  /// Answers `m` with as many letters as its parameter says, and knows nothing else.
  private final class Letters: ConnectionDelegate {
    func route(_ method: String, isNotification: Bool) -> Route {
      guard method == "m" else { return .refused(.invalidRequest("there is no \(method)")) }
      return .inline { request in
        let text = request.paramsText.map { String(buffer: $0) } ?? ""
        let count = (try? JSONParser.parse(text))?["count"]?.intValue ?? 0
        return JSONValue.string(String(repeating: "x", count: count))
      }
    }

    func rpcError(_ error: any Error) -> RPCError { .invalidRequest("\(error)") }
    func answered(_ method: String, nanoseconds: UInt64, connection: Connection) {}
    func closed(_ connection: Connection) {}
  }

  /// What a connection whose messages have at most `maximumBytes` answers to a batch of such requests.
  private func answers(_ counts: [Int], maximumBytes: Int) throws -> [JSONValue] {
    let channel = EmbeddedChannel()
    let connection = Connection(
      eventLoop: channel.eventLoop,
      configuration: ConnectionConfiguration(
        maximumMessageBytes: maximumBytes, pool: WorkerPool(name: "test", usualThreads: 1, maximumThreads: 1)),
      delegate: Letters())
    try channel.pipeline.syncOperations.addHandler(connection)
    let requests = counts.enumerated().map { #"{"jsonrpc":"2.0","id":\#($0),"method":"m","params":{"count":\#($1)}}"# }
    try channel.writeInbound(ByteBuffer(string: "[\(requests.joined(separator: ","))]\n"))
    var text = ""
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
    #expect(text.utf8.count <= maximumBytes + 1)
    return try #require(try JSONParser.parse(text).arrayValue)
  }

  private static func length(_ answer: JSONValue) -> Int? { answer["result"]?.stringValue?.utf8.count }

  @Test func `a batch's answers have room together, or those beyond it are refused`() throws {
    let fitting = try answers([1000, 1000, 1000], maximumBytes: 4000)
    #expect(fitting.map(Self.length) == [1000, 1000, 1000])
    let beyond = try answers([1000, 1000, 1000, 1000, 1000, 10], maximumBytes: 4000)
    #expect(beyond.map(Self.length) == [1000, 1000, 1000, nil, nil, 10])
    for (id, answer) in beyond.enumerated() { #expect(answer["id"]?.intValue == id) }
    #expect(beyond[3]["error"]?["message"]?.stringValue?.contains("too large") == true, "\(beyond[3])")
  }

  @Test func `one that passes the limit alone takes no room from the others`() throws {
    let answers = try answers([1000, 5000, 1000], maximumBytes: 4000)
    #expect(answers.map(Self.length) == [1000, nil, 1000])
  }

  @Test(arguments: [0, 1, 2, 100])
  func `refusals always have their room, to the byte`(_ spare: Int) {
    let refusal = [UInt8](repeating: 1, count: 10)
    // Three refusals, the commas between them and the brackets, less what a comma too much is taken for.
    let batch = Batch(maximumBytes: 3 * 11 + 2 + spare)
    let slots = (0..<3).map { _ in batch.reserve(refusal: refusal) }
    for slot in slots.reversed() { batch.fill(slot, [UInt8](repeating: 2, count: 11)) }
    batch.complete()
    let text = batch.text ?? []
    #expect(text.count <= 3 * 11 + 2 + spare)
    #expect(text.count { $0 == 2 } == 11 * min(3, spare))
  }
}
