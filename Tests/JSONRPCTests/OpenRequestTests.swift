import JSON
import NIOCore
import NIOEmbedded
import Platform
import TestSupport
import Testing

@testable import JSONRPC

/// How much may be open at once.
@Suite struct OpenRequestTests {
  /// Answers requests when it is told to.
  private final class Waiting: ConnectionDelegate {
    let gate = Gate(width: 1)

    func route(_ method: String, isNotification: Bool) -> Route {
      .concurrent { [gate] _ in
        await gate.enter()
        gate.leave()
        return JSONValue.null
      }
    }

    func rpcError(_ error: any Error) -> RPCError { .invalidRequest("\(error)") }
    func answered(_ method: String, nanoseconds: UInt64, connection: Connection) {}
    func closed(_ connection: Connection) {}
  }

  @Test(arguments: [(count: 12, parameterBytes: 2, open: 8), (20, 300, 4), (20, 900, 2)])
  func `requests wait where many are open, or their parameters are as large as a message may be`(
    count: Int, parameterBytes: Int, open: Int
  ) async throws {
    let delegate = Waiting()
    let channel = NIOAsyncTestingChannel()
    let connection = Connection(
      eventLoop: channel.eventLoop,
      configuration: ConnectionConfiguration(
        maximumMessageBytes: 1000, maximumInFlight: 8,
        pool: WorkerPool(name: "test", usualThreads: 1, maximumThreads: 1)),
      delegate: delegate)
    try await channel.testingEventLoop.executeInContext {
      try channel.pipeline.syncOperations.addHandler(connection)
    }
    await delegate.gate.enter()
    let params = "[" + String(repeating: " ", count: parameterBytes - 2) + "]"
    for id in 0..<count {
      try await channel.writeInbound(
        ByteBuffer(string: #"{"jsonrpc":"2.0","id":\#(id),"method":"m","params":\#(params)}"# + "\n"))
    }
    #expect(try await channel.testingEventLoop.executeInContext { connection.inFlight } == open)

    delegate.gate.leave()
    let answers = try await withDeadline {
      var text = ""
      while text.split(separator: "\n").count < count {
        text += String(buffer: try await channel.waitForOutboundWrite(as: ByteBuffer.self))
      }
      return text.split(separator: "\n")
    }
    let ids = try answers.map { try JSONParser.parse(String($0))["id"]?.intValue }
    #expect(Set(ids) == Set(0..<count))
    #expect(try await channel.testingEventLoop.executeInContext { connection.open.bytes } == 0)
    try await channel.close()
  }
}
