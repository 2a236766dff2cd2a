import JSON
import Testing

@testable import Agents

struct ContextWindowTests {
  private func user(_ text: String) -> JSONValue { ["role": "user", "content": .string(text)] }
  private func agent(_ text: String) -> JSONValue { ["role": "assistant", "content": .string(text)] }

  private func step(_ id: String, result: String) -> [JSONValue] {
    [
      [
        "role": "assistant", "content": .null,
        "tool_calls": [
          ["id": .string(id), "type": "function", "function": ["name": "read_file", "arguments": "{\"path\":\"x\"}"]]
        ],
      ],
      Conversation.result(result, of: id),
    ]
  }

  private func window(_ budget: Int) -> ContextWindow {
    ContextWindow(contextTokens: budget + 256, maxOutputTokens: 256, fixedTokens: 0)
  }

  private let long = String(repeating: "0123456789", count: 400)

  @Test func `what fits is sent as it is`() throws {
    var window = window(2000)
    let messages = [user("a"), agent("b"), user("c")]
    let fittedFit = window.fit(messages, system: 10)
    let fitted = try #require(fittedFit)
    #expect(fitted.messages == messages && fitted.cut == ContextWindow.Cut())
  }

  @Test func `old results are shortened first, and stay so`() throws {
    var window = window(2500)
    var messages = [user("go")]
    for number in 0..<3 { messages += step("c\(number)", result: long) }
    let fittedFit = window.fit(messages, system: 10)
    let fitted = try #require(fittedFit)
    #expect(fitted.cut.shortened > 0 && fitted.cut.leftOut == 0 && fitted.messages.count == messages.count)
    #expect(fitted.messages[2]["content"]?.stringValue?.contains("bytes are left out") == true)
    // What came last is whole.
    #expect(fitted.messages.last == messages.last)
    let againFit = window.fit(messages + [user("more")], system: 10)
    let again = try #require(againFit)
    #expect(again.cut == ContextWindow.Cut() && Array(again.messages.dropLast()) == fitted.messages)
  }

  @Test func `then the oldest exchanges are left out, never the last`() throws {
    var window = window(2500)
    let messages = [user(long), agent("1"), user(long), agent("2"), user(long), agent("3"), user("last"), agent("4")]
    let fittedFit = window.fit(messages, system: 10)
    let fitted = try #require(fittedFit)
    #expect(fitted.cut.leftOut == 4 && fitted.messages == Array(messages[4...]))
    let tooLong = window.fit([user(long + long + long)], system: 10)
    #expect(tooLong == nil)
  }

  @Test func `long arguments of old calls are shortened, and stay JSON`() throws {
    let arguments = JSONObject([
      .init(key: "path", value: "x"), .init(key: "content", value: .string(long)),
    ]).jsonString
    let call: JSONValue = [
      "role": "assistant",
      "tool_calls": [["id": "a", "function": ["name": "write_file", "arguments": .string(arguments)]]],
    ]
    let short = ContextWindow.shortened(call)
    let text = try #require(short["tool_calls"]?.arrayValue?.first?["function"]?["arguments"]?.stringValue)
    let parsed = try JSONParser.parse(text)
    #expect(text.utf8.count < 700 && parsed["path"] == "x")
  }

  @Test func `what the provider counted corrects the estimate`() throws {
    var window = window(2000)
    let messages = [user(String(long.prefix(3000))), agent("x"), user("y")]
    let before = window.fit(messages, system: 0)
    #expect(before?.cut.leftOut == 0)
    window.learn(counted: 3000, estimated: 760)
    let after = window.fit(messages, system: 0)
    #expect(after?.cut.leftOut == 2)
  }

  @Test func `a picture counts as a picture, not as its bytes`() {
    let image: JSONValue = [
      "role": "user",
      "content": [["type": "image_url", "image_url": ["url": .string("data:image/png;base64," + long + long)]]],
    ]
    #expect((1500..<1600).contains(ContextWindow.tokens(of: image)))
  }

  @Test func `calls without results get one when a conversation is loaded`() {
    let messages = [user("a")] + step("1", result: "r").dropLast() + [user("b")] + step("2", result: "s").dropLast()
    let repaired = Conversation.repaired(messages)
    #expect(repaired.map { $0["role"]?.stringValue } == ["user", "assistant", "tool", "user", "assistant", "tool"])
    #expect(repaired[2] == Conversation.result(Conversation.interrupted, of: "1"))
    #expect(Conversation.repaired(repaired) == repaired)
    // A result that belongs to nothing is left out.
    #expect(Conversation.repaired([user("a"), Conversation.result("x", of: "9")]) == [user("a")])
  }

  @Test func `messages of a user that follow each other are sent as one`() {
    let picture: JSONValue = ["role": "user", "content": [["type": "image_url", "image_url": ["url": "data:"]]]]
    #expect(Conversation.sent([user("a"), user("b")]) == [user("a\n\nb")])
    #expect(Conversation.sent([user("a"), picture]).first?["content"]?.arrayValue?.count == 2)
  }

  @Test func `thoughts go back to the provider within a turn only`() {
    var thinking = step("1", result: "r")
    thinking[0] = .object((thinking[0].objectValue ?? [:]).merging(patch: ["reasoning_content": "hm"]))
    #expect(Conversation.sent([user("a")] + thinking)[1]["reasoning_content"] == "hm")
    #expect(Conversation.sent([user("a")] + thinking + [user("b")])[1]["reasoning_content"] == nil)
  }
}
