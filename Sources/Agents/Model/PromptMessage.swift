import BerthProtocol
import JSON
import Workspaces

/// A user's message, made of the blocks of a prompt.
enum PromptMessage {
  /// Longer files are for the model to read in parts.
  static let maximumFileBytes = 256 << 10
  static let maximumImageBytes = 20 << 20

  /// Why blocks can't be given to a model; nil where they can.
  static func fault(of prompt: [ContentBlock]) -> String? {
    for block in prompt {
      switch block.type {
      case .text where block.text == nil: return "A block of text holds no `text`."
      case .file where block.path == nil: return "A block of a file holds no `path`."
      case .image where block.path == nil && block.data == nil: return "An image holds neither `path` nor `data`."
      case .image where (block.mimeType ?? "image/").hasPrefix("image/") == false:
        return "A model can't be shown `\(block.mimeType ?? "")`. Give it a picture, or what it says as text."
      case .resource where block.text == nil && block.mimeType?.hasPrefix("image/") != true:
        return "A model can't be given \(block.uri ?? "a resource") as bytes. Give its text."
      case .text, .file, .image, .resource: break
      }
    }
    return nil
  }

  /// - Parameter told: Called with what could not be read, as a sentence.
  static func make(
    _ prompt: [ContentBlock], workspace: String, files: FileService, told: (String) -> Void
  ) -> JSONValue {
    var parts: [JSONValue] = []
    for block in prompt {
      do {
        parts.append(try part(block, workspace: workspace, files: files))
      } catch {
        let reason = (error as? ProtocolError)?.message ?? "\(error)"
        told("\(block.path ?? "A file") of the prompt can't be read: \(reason)")
        parts.append(text("[\(block.path ?? "A file") can't be read: \(reason)]"))
      }
    }
    // Some providers take a plain text only.
    let words = parts.compactMap { $0["text"]?.stringValue }
    let content: JSONValue = words.count == parts.count ? .string(words.joined(separator: "\n\n")) : .array(parts)
    return ["role": "user", "content": content]
  }

  private static func part(_ block: ContentBlock, workspace: String, files: FileService) throws -> JSONValue {
    switch block.type {
    case .text: return text(block.text ?? "")
    case .file: return try file(block.path ?? "", workspace, files)
    case .image:
      if let data = block.data { return image(data, block.mimeType) }
      let path = block.path ?? ""
      let read = try files.read(
        .init(workspace: workspace, path: path, length: maximumImageBytes + 1, encoding: .base64))
      guard read.length <= maximumImageBytes else {
        throw ProtocolError(.promptInvalid, "`\(path)` is larger than \(maximumImageBytes) bytes. Give a smaller one.")
      }
      return image(read.content, block.mimeType ?? type(of: path))
    case .resource:
      if let words = block.text { return text("<resource uri=\"\(block.uri ?? "")\">\n\(words)\n</resource>") }
      return image(block.data ?? "", block.mimeType)
    }
  }

  private static func file(_ path: String, _ workspace: String, _ files: FileService) throws -> JSONValue {
    let read = try files.read(.init(workspace: workspace, path: path, length: maximumFileBytes))
    guard read.encoding == .utf8 else {
      return text("<file path=\"\(path)\">\n[\(read.size) bytes that are no text]\n</file>")
    }
    let rest = read.eof ? "" : "\n[of \(read.size) bytes, the first \(read.length); read_file has the rest]"
    return text("<file path=\"\(path)\">\n\(read.content)\(rest)\n</file>")
  }

  private static func text(_ text: String) -> JSONValue { ["type": "text", "text": .string(text)] }

  private static func image(_ data: String, _ type: String?) -> JSONValue {
    ["type": "image_url", "image_url": ["url": .string("data:\(type ?? "image/png");base64,\(data)")]]
  }

  private static func type(of path: String) -> String {
    switch path.split(separator: ".").last?.lowercased() {
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "webp": "image/webp"
    default: "image/png"
    }
  }
}
