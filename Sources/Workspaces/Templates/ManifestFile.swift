internal import BerthProtocol
internal import JSON
internal import Platform
internal import Yams

/// `berth.template.yaml`, which a template may hold at its top.
enum ManifestFile {
  static let name: FileName = "berth.template.yaml"

  private static let maximumBytes = 1 << 20
  /// Aliases make a small text a large document; none that is meant well comes near.
  private static let maximumValues = 20_000

  /// Reads the manifest of the template in that folder; an empty one where it has none.
  ///
  /// - Throws: `template_invalid` with every fault.
  static func read(in folder: Directory) throws -> TemplateManifest {
    let file: OwnedDescriptor
    do throws(SystemError) {
      file = try folder.open(name, [.read, .nonBlocking])
    } catch {
      if error.errno == SystemError.Code.notFound { return TemplateManifest() }
      if error.errno == SystemError.Code.tooManyLinks { throw fault("is a link, and must be a file") }
      throw error
    }
    let status = try file.status()
    guard status.kind == .file else { throw fault("is not a file") }
    guard status.size <= maximumBytes else { throw fault("is over \(maximumBytes) bytes") }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return try parse(Array(bytes[..<count]))
  }

  /// Reads a manifest's text.
  static func parse(_ bytes: [UInt8]) throws -> TemplateManifest {
    guard bytes.count <= maximumBytes else { throw fault("is over \(maximumBytes) bytes") }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("is not valid UTF-8") }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw fault("is no YAML: \(error)")
    }
    guard let node else { return TemplateManifest() }
    var values = 0
    let json = try value(of: node, &values)
    if json == .null { return TemplateManifest() }
    do throws(DecodingFaults) {
      return try Decoding.decode(TemplateManifest.self, from: json)
    } catch {
      throw ProtocolError.manifestInvalid(error.faults.map(Fault.init))
    }
  }

  private static func value(of node: Node, _ values: inout Int) throws -> JSONValue {
    values += 1
    guard values <= maximumValues else { throw fault("holds more than \(maximumValues) values") }
    switch node {
    case .scalar(let scalar):
      if node.null != nil { return .null }
      if scalar.style == .plain {
        if let bool = node.bool { return .bool(bool) }
        if let int = node.int { return .integer(int) }
        if let number = node.float { return .number(number) }
      }
      return .string(scalar.string)
    case .sequence(let sequence):
      return .array(try sequence.map { try value(of: $0, &values) })
    case .mapping(let mapping):
      var object = JSONObject()
      for (key, member) in mapping {
        guard let name = key.scalar?.string else { throw fault("has a key that is no text") }
        object[name] = try value(of: member, &values)
      }
      return .object(object)
    case .alias:
      throw fault("uses an alias that stands for nothing")
    }
  }

  private static func fault(_ message: String) -> ProtocolError {
    ProtocolError.manifestInvalid([Fault(loc: [], msg: message, type: "manifest")])
  }
}
