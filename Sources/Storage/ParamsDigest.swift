import Crypto
import JSON

/// Tells whether two calls had the same parameters, without keeping them.
enum ParamsDigest {
  /// SHA-256 of the value, in hexadecimal. The order of members makes no difference, nor does a member that is null:
  /// it counts as absent.
  static func text(of params: JSONValue) -> String {
    var hash = SHA256()
    update(&hash, params)
    return hash.finalize().reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
  }

  /// Each value is preceded by its kind and length, so that no two values give the same bytes.
  private static func update(_ hash: inout SHA256, _ value: JSONValue) {
    switch value {
    case .object(let object):
      let members = object.members.filter { $0.value != .null }.sorted { $0.key < $1.key }
      add(&hash, "o\(members.count):")
      for member in members {
        update(&hash, .string(member.key))
        update(&hash, member.value)
      }
    case .array(let elements):
      add(&hash, "a\(elements.count):")
      for element in elements { update(&hash, element) }
    case .null, .bool, .integer, .number, .string:
      let bytes = value.jsonBytes()
      add(&hash, "s\(bytes.count):")
      bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
  }

  private static func add(_ hash: inout SHA256, _ text: String) {
    var text = text
    text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
  }
}
