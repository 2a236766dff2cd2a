import JSON
import Platform
import Testing

/// One case of a file in `Protocol/examples`.
struct Example: Sendable, CustomTestStringConvertible {
  struct Call: Sendable {
    let method: String
    let params: JSONValue?
    let capture: JSONObject

    init(_ json: JSONValue) {
      method = json["method"]?.stringValue ?? ""
      params = json["params"]
      capture = json["capture"]?.objectValue ?? [:]
    }
  }

  let method: String
  let json: JSONValue

  var name: String { json["name"]?.stringValue ?? "" }
  var testDescription: String { "\(method): \(name)" }
  var isNotification: Bool { json["result"] == nil && json["error"] == nil }
  var setup: [Call] { (json["setup"]?.arrayValue ?? []).map(Call.init) }
  var then: [Call] { (json["then"]?.arrayValue ?? []).map(Call.init) }

  /// Every case of every file.
  static func all() throws -> [Example] {
    let folder = try Directory(path: root + "/Protocol/examples")
    var examples: [Example] = []
    for name in try folder.entries().map(\.name.string).sorted() where name.hasSuffix(".json") {
      let text = try SmallFile.read("\(root)/Protocol/examples/\(name)") ?? []
      for method in try JSONParser.parse(text)["methods"]?.arrayValue ?? [] {
        for json in method["cases"]?.arrayValue ?? [] {
          examples.append(Example(method: method["method"]?.stringValue ?? "", json: json))
        }
      }
    }
    return examples
  }

  /// The repository, which this file lies in.
  static let root = #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()
}
