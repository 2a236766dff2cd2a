import BerthProtocol
import JSON
import Platform
import Workspaces

/// A run that can't go on, as it is told.
struct ACPFailure: Error {
  let type: RunFailure
  let detail: String

  init(_ type: RunFailure, _ detail: String) {
    self.type = type
    self.detail = detail
  }
}

/// Puts the blocks of a prompt into the words of the protocol.
struct ACPContent {
  let takesImages: Bool
  let takesResources: Bool
  /// The workspace's id and its folder.
  let workspace: String
  let folder: String
  let files: FileService
  let agent: String

  init(_ capabilities: JSONObject, of run: RunContext, workspace: String, folder: String) {
    let prompt = capabilities["promptCapabilities"]
    takesImages = prompt?["image"]?.boolValue ?? false
    takesResources = prompt?["embeddedContext"]?.boolValue ?? false
    self.workspace = workspace
    self.folder = folder
    files = run.services.files
    agent = run.agent.name
  }

  /// - Throws: `ACPFailure`.
  func blocks(_ prompt: [ContentBlock]) throws -> [JSONValue] { try prompt.map { .object(try block($0)) } }

  private func block(_ block: ContentBlock) throws -> JSONObject {
    switch block.type {
    case .text: return ["type": "text", "text": .string(block.text ?? "")]
    case .file: return try link(block)
    case .image: return try image(block)
    case .resource: return try resource(block)
    }
  }

  private func link(_ block: ContentBlock) throws -> JSONObject {
    let path = try path(block)
    var link: JSONObject = [
      "type": "resource_link", "uri": .string(FileURI.make(folder + "/" + path.string)),
      "name": .string(String(decoding: path.name, as: UTF8.self)),
    ]
    if let type = block.mimeType { link["mimeType"] = .string(type) }
    return link
  }

  private func image(_ block: ContentBlock) throws -> JSONObject {
    guard takesImages else {
      throw ACPFailure(.promptUnsupported, "`\(agent)` takes no pictures. Leave it out, or name it in a `file` block.")
    }
    if let data = block.data {
      return ["type": "image", "data": .string(data), "mimeType": .string(block.mimeType ?? "image/png")]
    }
    let path = try path(block)
    do {
      let content = try files.read(
        FileRead.Params(workspace: workspace, path: path.string, encoding: .base64))
      return [
        "type": "image", "data": .string(content.content),
        "mimeType": .string(block.mimeType ?? Self.imageType(path.string)),
        "uri": .string(FileURI.make(folder + "/" + path.string)),
      ]
    } catch {
      throw ACPFailure(.promptUnsupported, ProtocolError(describing: error).message)
    }
  }

  private func resource(_ block: ContentBlock) throws -> JSONObject {
    let uri = block.uri ?? "about:blank"
    guard takesResources else {
      guard let text = block.text else {
        return ["type": "resource_link", "uri": .string(uri), "name": .string(uri)]
      }
      return ["type": "text", "text": .string("<context uri=\"\(uri)\">\n\(text)\n</context>")]
    }
    var resource: JSONObject = ["uri": .string(uri)]
    if let type = block.mimeType { resource["mimeType"] = .string(type) }
    if let text = block.text {
      resource["text"] = .string(text)
    } else {
      resource["blob"] = .string(block.data ?? "")
    }
    return ["type": "resource", "resource": .object(resource)]
  }

  private func path(_ block: ContentBlock) throws -> RelativePath {
    do {
      return try FileService.path(block.path ?? "")
    } catch {
      throw ACPFailure(.promptUnsupported, error.message)
    }
  }

  private static func imageType(_ path: String) -> String {
    switch path.split(separator: ".").last?.lowercased() {
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "webp": "image/webp"
    case "svg": "image/svg+xml"
    default: "image/png"
    }
  }
}

/// URIs of files (RFC 8089).
enum FileURI {
  static func make(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var uri = Array("file://".utf8)
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        uri.append(byte)
      default: uri += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: uri, as: UTF8.self)
  }
}
