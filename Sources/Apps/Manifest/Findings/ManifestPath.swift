package import JSON

/// The way from a manifest's top to one of its values: `probes.readiness.http.port`, `env_contract[2]`.
package struct ManifestPath: Sendable, Hashable, CustomStringConvertible {
  /// Keys as strings, indexes (from 0) as integers.
  package private(set) var components: [JSONValue] = []

  package init() {}

  func key(_ key: String) -> ManifestPath { appending(.string(key)) }
  func index(_ index: Int) -> ManifestPath { appending(.integer(index)) }

  private func appending(_ component: JSONValue) -> ManifestPath {
    var path = self
    path.components.append(component)
    return path
  }

  package var description: String {
    var text = ""
    for component in components {
      switch component {
      case .integer(let index): text += "[\(index)]"
      case .string(let key):
        if !text.isEmpty { text += "." }
        let isWord = !key.isEmpty && key.utf8.allSatisfy { $0.isWordByte || $0 == UInt8(ascii: "-") }
        text += isWord ? key : JSONValue.string(key).jsonString
      default: break
      }
    }
    return text
  }
}

extension UInt8 {
  /// Letters, digits and `_` of ASCII.
  var isWordByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
