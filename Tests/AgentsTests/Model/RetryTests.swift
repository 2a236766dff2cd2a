import BerthProtocol
import JSON
import NIOHTTP1
import Testing

@testable import Agents

struct RetryTests {
  @Test func `Retry-After is seconds or a date`() {
    let now = 784_111_777.0
    #expect(RetryAfter.seconds("120", now: now) == 120)
    #expect(RetryAfter.seconds(" 1.5 ", now: now) == 1.5)
    #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:50:37 GMT", now: now) == 60)
    #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:49:37 GMT", now: now + 5) == 0)
    for wrong in ["", "soon", "-1", "nan", "Sun, 99 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"] {
      #expect(RetryAfter.seconds(wrong, now: now) == nil, "\(wrong)")
    }
  }

  @Test func `delays double up to a bound, and are never shorter than asked for`() {
    let timings = ModelTimings(firstDelaySeconds: 1, maximumDelaySeconds: 10)
    for failures in 1...40 {
      let delay = timings.delaySeconds(afterFailures: failures, retryAfter: nil)
      let full = failures < 5 ? Double(1 << (failures - 1)) : 10
      #expect((full / 2...full).contains(delay), "\(failures): \(delay)")
    }
    #expect(timings.delaySeconds(afterFailures: 1, retryAfter: 90) == 90)
  }

  @Test(arguments: [
    (429, "{\"error\":{\"message\":\"slow down\"}}", ModelFailure.Kind.rateLimited(retryAfter: 3)),
    (429, "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}", .refused),
    (503, "", .unavailable(retryAfter: 3)), (529, "overloaded", .unavailable(retryAfter: 3)),
    (401, "{\"detail\":\"no\"}", .unauthorized),
    (400, "{\"error\":{\"message\":\"x\",\"code\":\"context_length_exceeded\"}}", .contextExceeded),
    (400, "{\"error\":{\"message\":\"prompt is too long: 300000 tokens\"}}", .contextExceeded),
    (400, "{\"error\":{\"message\":\"Unknown parameter: stream_options\"}}", .unknownMember(.streamOptions)),
    (400, "{\"error\":{\"message\":\"Use 'max_completion_tokens' instead.\"}}", .unknownMember(.completionTokens)),
    (404, "{\"error\":\"model not found\"}", .refused), (302, "", .refused),
  ])
  func `answers mean what they mean`(status: Int, body: String, kind: ModelFailure.Kind) throws {
    let endpoint = try #require(Self.endpoint)
    let failure = endpoint.failure(
      HTTPResponseStatus(statusCode: status), ["retry-after": "3"], Array(body.utf8))
    #expect(failure.kind == kind)
  }

  @Test func `a key is masked in what a provider says`() throws {
    let endpoint = try #require(Self.endpoint)
    let failure = endpoint.failure(.unauthorized, [:], Array("{\"error\":{\"message\":\"bad key sk-secret.\"}}".utf8))
    #expect(failure.message == "https://example.com/v1 answered 401: bad key ***")
    #expect(endpoint.failure(["message": "sk-secret!"]).message.contains("***!"))
  }

  @Test func `a base URL is taken in the forms people write it`() {
    for url in ["https://example.com/v1", "https://example.com/v1/", "https://example.com/v1/chat/completions"] {
      #expect(Self.endpoint(url)?.url("/chat/completions") == "https://example.com/v1/chat/completions")
    }
    #expect(Self.endpoint("http://h:1/v1?api-version=2")?.url("/models") == "http://h:1/v1/models?api-version=2")
    for url in ["", "example.com", "ftp://example.com", "https://", "https://u:p@example.com/v1"] {
      #expect(Self.endpoint(url) == nil && ModelEndpoint.fault(of: url) != nil, "\(url)")
    }
    #expect(ModelEndpoint.fault(of: nil) != nil)
  }

  private static let endpoint = endpoint("https://example.com/v1")

  private static func endpoint(_ url: String) -> ModelEndpoint? {
    var agent = ResolvedAgent(
      name: "a", kind: .model, title: "a", config: .init(kind: .model), secrets: ["API_KEY": "sk-secret"])
    var config = agent.config
    config.baseUrl = url
    agent = ResolvedAgent(name: "a", kind: .model, title: "a", config: config, secrets: agent.secrets)
    return ModelEndpoint(agent)
  }
}
