import ArgumentParser
import BerthProtocol
import Glibc
import JSON
import Platform

/// What goes with a prompt.
struct PromptAttachments: ParsableArguments {
  @Option(
    name: .shortAndLong, help: "A file to look at: one of the workspace is named to the agent, another comes along.",
    completion: .file())
  var file: [String] = []

  @Option(help: "A picture to look at. May be repeated.", completion: .file())
  var image: [String] = []

  /// The words of a prompt: the argument, or what standard input holds.
  static func text(_ argument: String?) throws -> String {
    guard argument == nil || argument == "-" else { return try checked(argument ?? "") }
    guard let text = String(validating: try Input.readAll(), as: UTF8.self) else {
      throw Failure("what standard input holds is not UTF-8", status: .usage)
    }
    return try checked(text)
  }

  private static func checked(_ text: String) throws -> String {
    guard text.contains(where: { !$0.isWhitespace }) else { throw Failure("the prompt is empty", status: .usage) }
    return text
  }

  /// The whole prompt.
  func blocks(_ text: String, _ context: Context, workspace: String?, session: String?) throws -> [ContentBlock] {
    let words = ContentBlock(type: .text, text: text)
    guard !file.isEmpty || !image.isEmpty else { return [words] }
    let reference =
      try workspace ?? session.map { try context.request(AgentSessionGet.self, .init(session: $0)).workspace }
    let folder = try context.request(WorkspaceGet.self, .init(workspace: reference ?? "")).path
    let files = try file.map { try Self.file($0, folder: folder) }
    return [words] + files + (try image.map { try Self.image($0, folder: folder) })
  }

  private static func file(_ path: String, folder: String) throws -> ContentBlock {
    if let inner = try inner(path, folder: folder) { return ContentBlock(type: .file, path: inner) }
    let uri = "file://" + Context.canonical(try Context.absolute(path))
    let bytes = try Input.readAll(path)
    if let text = String(validating: bytes, as: UTF8.self) {
      return ContentBlock(type: .resource, text: text, uri: uri)
    }
    return ContentBlock(
      type: .resource, data: Base64.encode(bytes), mimeType: "application/octet-stream", uri: uri)
  }

  private static func image(_ path: String, folder: String) throws -> ContentBlock {
    let type = mimeType(path)
    if let inner = try inner(path, folder: folder) { return ContentBlock(type: .image, path: inner, mimeType: type) }
    return ContentBlock(type: .image, data: Base64.encode(try Input.readAll(path)), mimeType: type)
  }

  /// A path in the workspace: of a file in its folder, or one that only the workspace has. Nil for a file elsewhere.
  private static func inner(_ path: String, folder: String) throws -> String? {
    let absolute = try Context.absolute(path)
    guard access(absolute, F_OK) == 0 else {
      guard path.utf8.first != UInt8(ascii: "/"), access(folder + "/" + path, F_OK) == 0 else {
        throw Failure("there is no file \(path)", status: .notFound)
      }
      return path
    }
    let whole = Context.canonical(absolute)
    return whole.hasPrefix(folder + "/") ? String(whole.dropFirst(folder.count + 1)) : nil
  }

  static func mimeType(_ path: String) -> String {
    switch path.split(separator: ".").last?.lowercased() {
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "webp": "image/webp"
    case "svg": "image/svg+xml"
    default: "image/png"
    }
  }
}
