import JSON
import Testing

@testable import Agents

struct ChatReplyTests {
  private func reply(_ chunks: JSONValue...) throws -> (ChatReply, [ChatReply.Piece]) {
    var reply = ChatReply()
    var pieces: [ChatReply.Piece] = []
    for chunk in chunks { pieces += try reply.take(chunk.jsonBytes()) }
    return (reply, pieces)
  }

  private func delta(_ delta: JSONObject, finish: JSONValue = .null) -> JSONValue {
    ["choices": [["index": 0, "delta": .object(delta), "finish_reason": finish]]]
  }

  private func fragment(_ index: JSONValue, _ id: JSONValue, _ name: JSONValue, _ arguments: JSONValue) -> JSONValue {
    delta(["tool_calls": [["index": index, "id": id, "function": ["name": name, "arguments": arguments]]]])
  }

  @Test func `text and thoughts are told as they come`() throws {
    let (reply, pieces) = try reply(
      delta(["role": "assistant", "content": ""]), delta(["reasoning_content": "hm"]),
      delta(["reasoning_content": .null, "reasoning": "so"]),
      delta(["content": "Hel"]), delta(["content": [["type": "text", "text": "lo"]]]), delta([:], finish: "stop"))
    #expect(pieces == [.thought("hm"), .thought("so"), .said("Hel"), .said("lo")])
    #expect(reply.text == "Hello" && reply.finish == "stop" && reply.isWhole && !reply.isDone)
    #expect(reply.message == ["role": "assistant", "content": "Hello"])
  }

  @Test func `fragments of calls are put together by their index`() throws {
    let (reply, _) = try reply(
      fragment(0, "a", "read_file", ""), fragment(1, "b", "list_files", "{"), fragment(0, .null, .null, "{\"path\":"),
      fragment(1, "", "", "}"), fragment(0, .null, .null, "\"x\"}"))
    #expect(reply.calls.map(\.id) == ["a", "b"] && reply.calls.map(\.name) == ["read_file", "list_files"])
    #expect(reply.calls.map(\.arguments) == ["{\"path\":\"x\"}", "{}"])
    #expect(!reply.isWhole)
  }

  @Test func `calls without an index, or all with the same, are told apart by their ids`() throws {
    let (same, _) = try reply(fragment(0, "a", "x", "{}"), fragment(0, "b", "y", "{}"))
    #expect(same.calls.map(\.name) == ["x", "y"])
    let (none, _) = try reply(
      fragment(.null, "a", "x", "{"), fragment(.null, .null, .null, "}"), fragment(.null, "b", "y", ["k": 1]))
    #expect(none.calls.map(\.arguments) == ["{}", "{\"k\":1}"])
  }

  @Test func `calls without an id, or with one that was used before, get one`() throws {
    var (reply, _) = try reply(
      fragment(0, .null, "x", "{}"), fragment(1, "old", "y", "{}"), fragment(2, "new", "z", "{}"))
    var used: Set = ["old", "call_3"]
    reply.nameCalls(unlike: &used)
    #expect(reply.calls.map(\.id) == ["call_4", "call_5", "new"] && used.count == 5)
  }

  @Test func `an answer that is no stream is taken whole`() throws {
    let (reply, pieces) = try reply([
      "choices": [
        [
          "message": [
            "role": "assistant", "content": "Hi",
            "tool_calls": [
              ["id": "a", "function": ["name": "x", "arguments": "{}"]],
              ["id": "b", "function": ["name": "y", "arguments": "{}"]],
            ],
          ], "finish_reason": "tool_calls",
        ]
      ],
      "usage": ["prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 2],
    ])
    #expect(pieces == [.said("Hi")] && reply.calls.map(\.name) == ["x", "y"] && reply.isWhole)
    #expect(reply.usage == ChatReply.Usage(inputTokens: 3, outputTokens: 4, cachedTokens: 2))
  }

  @Test func `arguments that are no JSON are not sent back`() throws {
    let (reply, _) = try reply(fragment(0, "a", "x", "{\"path\": \"cut o"))
    #expect(
      reply.message?["tool_calls"]?.arrayValue?.first?["function"]?["arguments"] == "{}"
        && reply.calls[0].arguments.hasSuffix("cut o"))
  }

  @Test func `garbage and errors in the stream are told`() {
    var reply = ChatReply()
    #expect(throws: ChatReply.Fault.self) { try reply.take(Array("<html>".utf8)) }
    #expect(throws: ChatReply.Fault.self) { try reply.take(Array("{\"error\":{\"message\":\"overloaded\"}}".utf8)) }
  }
}
