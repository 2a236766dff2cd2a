extension JSONObject {
  /// The object after a JSON Merge Patch (RFC 7396): null removes a member, an object is merged, all else replaces.
  package func merging(patch: JSONObject) -> JSONObject {
    var result = self
    for member in patch.members {
      switch member.value {
      case .null:
        result[member.key] = nil
      case .object(let inner):
        let base = result[member.key]?.objectValue ?? JSONObject()
        result[member.key] = .object(base.merging(patch: inner))
      default:
        result[member.key] = member.value
      }
    }
    return result
  }
}

extension JSONValue {
  /// The value after a JSON Merge Patch (RFC 7396).
  package func mergePatch(_ patch: JSONValue) -> JSONValue {
    guard case .object(let members) = patch else { return patch }
    return .object((objectValue ?? JSONObject()).merging(patch: members))
  }
}
