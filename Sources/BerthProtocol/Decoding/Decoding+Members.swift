import JSON

/// What generated initializers read objects with. They stand in this module so that they are specialized.
extension Decoding {
  /// The object that must be there.
  mutating func object(_ json: JSONValue) -> JSONObject? {
    guard case .object(let object) = json else {
      mismatch(json, "an object")
      return nil
    }
    return object
  }

  /// Parameters by name, or by position with their names put to them.
  mutating func parameters(_ json: JSONValue, _ positional: [String]) -> JSONObject? {
    switch json {
    case .object(let object):
      return object
    case .array(let values):
      guard values.count <= positional.count else {
        fault("max_items", "must hold at most \(positional.count) parameters, not \(values.count)")
        return nil
      }
      return JSONObject(zip(positional, values).map { JSONObject.Member(key: $0, value: $1) })
    default:
      mismatch(json, "an object or an array")
      return nil
    }
  }

  /// Reads a member that must be there.
  mutating func required<R: Rule>(_ key: String, in object: JSONObject, _ rule: R) -> R.Value? {
    let before = faults.count
    var value: R.Value?
    if let json = object[key] {
      value = rule.read(json, &self)
    } else {
      fault("missing", "is required")
    }
    if faults.count > before { place(faultsAfter: before, under: .string(key)) }
    return value
  }

  /// Reads a member that may be missing; null counts as missing.
  mutating func optional<R: Rule>(_ key: String, in object: JSONObject, _ rule: R) -> R.Value? {
    guard let json = object[key] else { return nil }
    if case .null = json { return nil }
    let before = faults.count
    let value = rule.read(json, &self)
    if faults.count > before { place(faultsAfter: before, under: .string(key)) }
    return value
  }
}
