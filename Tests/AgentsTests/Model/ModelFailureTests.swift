import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

@testable import Agents

@Suite(.timeLimit(.minutes(3))) struct ModelFailureTests {
  private func logs(_ run: RunContext, _ fixture: ModelFixture) throws -> [JSONValue] {
    try fixture.home.events(run).of("log")
  }

  @Test func `too many requests are waited for as asked, and told`() async throws {
    let fixture = try await ModelFixture(
      ScriptedProvider.Part.error(429, "slow down", ["retry-after": "0.3"]), .answer("ok"))
    let run = try fixture.run()
    let began = Timestamp.monotonicNanoseconds()
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    #expect(Timestamp.monotonicNanoseconds() - began >= 300_000_000)
    let log = try #require(try logs(run, fixture).first)
    #expect(log["retryInMs"]?.intValue == 300 && log["message"]?.stringValue?.contains("slow down") == true)
  }

  @Test func `a provider that wants too long is not waited for`() async throws {
    let fixture = try await ModelFixture(
      ScriptedProvider.Part.error(429, "tomorrow", ["retry-after": "86400"]))
    #expect(try await fixture.carry(fixture.run()).failure == .rateLimited)
    #expect(fixture.provider.requests.count == 1)
  }

  @Test func `errors of the server are tried again, six times in all`() async throws {
    let fixture = try await ModelFixture()
    for number in 0..<6 { fixture.provider.answer(ScriptedProvider.Part.error(number == 5 ? 503 : 500, "broken")) }
    let run = try fixture.run()
    let ending = try await fixture.carry(run)
    #expect(ending.failure == .providerUnavailable && ending.detail.contains("broken"))
    #expect(fixture.provider.requests.count == 6)
    #expect(try logs(run, fixture).allSatisfy { ($0["retryInMs"]?.intValue ?? 0) > 0 })
    #expect(try logs(run, fixture).count == 5)
  }

  @Test func `an answer that is cut is asked for again, and nothing is doubled in the conversation`() async throws {
    let fixture = try await ModelFixture(
      [.said("Half of"), .call("x", "write_file", ["path": "a", "content": "no"]), .cut],
      [.said("Half of"), .text("data: {\"choices\":[{\"del")], .answer("Half of it is all."))
    let run = try fixture.run()
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    let events = try fixture.home.events(run)
    #expect(events.messages == ["Half of", "Half of", "Half of it is all."])
    #expect(events.of("log").allSatisfy { $0["message"]?.stringValue?.contains("is repeated") == true })
    #expect(try fixture.home.messages().count == 2 && fixture.home.text("a") == nil)
    #expect(fixture.sent(2) == fixture.sent(0))
  }

  @Test func `a stream that ends without an end mark after its finish is whole`() async throws {
    let fixture = try await ModelFixture([.said("x"), .finish("stop"), .silence])
    let run = try fixture.run()
    var timings = ModelFixture.timings
    timings.idleSeconds = 15
    #expect(try await fixture.carry(run, timings).stopReason == .endTurn)
    #expect(try logs(run, fixture).isEmpty)
  }

  @Test func `garbage, an error within the stream, and a silent provider are tried again`() async throws {
    let fixture = try await ModelFixture(
      [.text("data: <html>\n\n")], [.said("a"), .event(["error": ["message": "overloaded", "code": 529]])],
      [.silence], [.said("b"), .silence], .answer("ok"))
    let run = try fixture.run()
    var timings = ModelFixture.timings
    timings.idleSeconds = 15
    #expect(try await fixture.carry(run, timings).stopReason == .endTurn)
    let messages = try logs(run, fixture).compactMap { $0["message"]?.stringValue }
    #expect(messages.count == 4 && messages[1].contains("overloaded") && messages[2].contains("sent nothing for"))
    #expect(try fixture.home.events(run).messages == ["a", "b", "ok"])
  }

  @Test func `a provider that is not there is told with what to do`() async throws {
    let fixture = try await ModelFixture()
    let port = try ListeningSocket().port
    let run = try fixture.run { $0.baseUrl = "http://127.0.0.1:\(port)/v1" }
    let ending = try await fixture.carry(run)
    #expect(ending.failure == .providerUnavailable && ending.detail.contains("could not be reached"))
  }

  @Test func `a refusal is not tried again, and never tells the key`() async throws {
    for (status, words) in [(401, "agent/configure"), (404, "baseUrl")] {
      let fixture = try await ModelFixture(ScriptedProvider.Part.error(status, "no: Bearer \(ModelFixture.key)."))
      let run = try fixture.run()
      let ending = try await fixture.carry(run)
      #expect(ending.failure == .providerError && ending.detail.contains(words))
      #expect(ending.detail.contains("no: Bearer ***") && fixture.provider.requests.count == 1)
      let events = try fixture.home.events(run).map(\.payload.jsonString).joined()
      #expect(!events.contains(ModelFixture.key))
    }
  }

  @Test func `what a provider does not know is left out`() async throws {
    let fixture = try await ModelFixture(
      ScriptedProvider.Part.error(400, "unknown field stream_options"),
      ScriptedProvider.Part.error(400, "'max_tokens' is not supported. Use 'max_completion_tokens' instead."),
      .answer("ok"))
    let run = try fixture.run { $0.maxOutputTokens = 10 }
    #expect(try await fixture.carry(run).stopReason == .endTurn)
    let last = try #require(fixture.provider.requests.last?.body)
    #expect(last["stream_options"] == nil && last["max_tokens"] == nil && last["max_completion_tokens"] == 10)
  }

  @Test func `a context that the provider finds too long is shortened once more`() async throws {
    let long = String(repeating: "0123456789", count: 250)
    let tooLong = ScriptedProvider.Part.error(400, "maximum context length is 900", code: "context_length_exceeded")
    let fixture = try await ModelFixture(.answer(long), tooLong, .answer("ok"), tooLong, tooLong)
    let change = { @Sendable (config: inout AgentConfig) in
      config.contextTokens = 1500
      config.tools = []
    }
    try await fixture.carry(fixture.run("First.", change))
    #expect(try await fixture.carry(fixture.run("Second.", change)).stopReason == .endTurn)
    #expect(fixture.sent(1).count == 3 && fixture.sent(2).count == 1)
    #expect(try await fixture.carry(fixture.run("Third.", change)).failure == .contextExceeded)
  }

  @Test func `a run that is cancelled gives its request up at once`() async throws {
    let fixture = try await ModelFixture([.said("I think"), .silence])
    let run = try fixture.run()
    let task = fixture.begin(run)
    try await fixture.home.event("message.delta", of: run)
    try run.cancel(graceSeconds: 10)
    #expect(try await task.value(within: 10).isCancelled)
    _ = try await withDeadline(seconds: 10, "the connection's end") {
      while fixture.provider.connections > 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(try fixture.home.events(run).messages == ["I think"] && run.record.run.state == .cancelled)
    #expect(try fixture.home.messages().last == ["role": "assistant", "content": "I think"])
  }

  @Test func `a run that has taken too long fails with that`() async throws {
    let fixture = try await ModelFixture([.silence])
    let run = try fixture.run()
    let task = fixture.begin(run)
    try await fixture.provider.arrival(of: 1)
    run.tell(.deadline)
    #expect(try await task.value(within: 10).failure == .deadlineExceeded)
  }

  @Test func `a run is cancelled while it waits to ask again`() async throws {
    let fixture = try await ModelFixture(ScriptedProvider.Part.error(503, "later", ["retry-after": "500"]))
    let run = try fixture.run()
    let task = fixture.begin(run)
    try await fixture.home.event("log", of: run)
    try run.cancel(graceSeconds: 1)
    #expect(try await task.value(within: 10).isCancelled)
  }
}
