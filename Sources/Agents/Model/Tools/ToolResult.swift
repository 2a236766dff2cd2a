import BerthProtocol
import JSON

/// What came of using a tool.
struct ToolResult: Sendable {
  /// What the model is told.
  var text: String
  /// Whether it is told as failed.
  var isFailure = false
  /// What to show instead of the text.
  var content: [JSONObject] = []
  /// A file that was written.
  var written: FileWritten?

  /// How much of the text an event tells.
  private static let maximumShown = 32 << 10

  var shown: [JSONObject] {
    if !content.isEmpty { return content }
    return [Self.text(Self.cut(text, to: Self.maximumShown))]
  }

  /// A text to show, as the Agent Client Protocol has it.
  static func text(_ text: String) -> JSONObject {
    ["type": "content", "content": ["type": "text", "text": .string(text)]]
  }

  static func cut(_ text: String, to bytes: Int) -> String {
    guard text.utf8.count > bytes else { return text }
    return ByteExcerpt.text(Array(text.utf8.prefix(bytes))[...], isCutBehind: true)
      + "\n[\(text.utf8.count - bytes) more bytes]"
  }
}

/// A change of a file, as the Agent Client Protocol shows it.
struct FileDiff: Sendable {
  /// Absolute.
  let path: String
  let oldText: String?
  let newText: String

  private static let maximumBytes = 32 << 10

  /// What is too long to be shown whole is cut.
  var shown: JSONObject {
    var diff: JSONObject = ["type": "diff", "path": .string(path)]
    if let oldText { diff["oldText"] = .string(ToolResult.cut(oldText, to: Self.maximumBytes)) }
    diff["newText"] = .string(ToolResult.cut(newText, to: Self.maximumBytes))
    return diff
  }
}
