/// One thing that is wrong with a value that was to be decoded.
package struct DecodingFault: Error, Sendable, Hashable {
  /// The path to the value: names of members (strings) and indexes of elements (integers).
  package var loc: [JSONValue]
  /// What is wrong and what would be right.
  package var msg: String
  /// A stable word: `missing`, `type`, `enum`, `minimum`, `max_length` and so on.
  package var type: String

  package init(loc: [JSONValue], msg: String, type: String) {
    self.loc = loc
    self.msg = msg
    self.type = type
  }
}

/// Everything that is wrong with a value that was to be decoded; at least one fault.
package struct DecodingFaults: Error, Sendable, Hashable, CustomStringConvertible {
  package var faults: [DecodingFault]

  package init(_ faults: [DecodingFault]) {
    self.faults = faults
  }

  package var description: String {
    faults.map { fault in
      let path = fault.loc.map { $0.stringValue ?? $0.jsonString }.joined(separator: ".")
      return path.isEmpty ? fault.msg : "\(path): \(fault.msg)"
    }.joined(separator: "; ")
  }
}

/// Collects the faults of one value while it is decoded, so that all are told at once.
///
/// A fault is added without its path; each level then puts its own step before those that came from below. Values
/// without faults, which nearly all are, pay nothing for paths.
package struct Decoding {
  /// More faults than these are not told, so that a long list of wrong values has a short answer.
  package static let maxFaults = 1000

  package private(set) var faults: [DecodingFault] = []

  package init() {}

  /// Decodes a value whole, or throws all that is wrong with it.
  package static func decode<T: JSONDecodable>(_ type: T.Type, from json: JSONValue) throws(DecodingFaults) -> T {
    var decoding = Decoding()
    if let value = T(json, decoding: &decoding), decoding.faults.isEmpty { return value }
    throw DecodingFaults(decoding.faults)
  }

  /// Adds a fault about the value that is being decoded.
  package mutating func fault(_ type: String, _ msg: String) {
    if faults.count < Self.maxFaults { faults.append(DecodingFault(loc: [], msg: msg, type: type)) }
  }

  /// Adds a fault about a value's type.
  package mutating func mismatch(_ json: JSONValue, _ expected: String) {
    fault("type", "must be \(expected), not \(json.typeName)")
  }

  /// Decodes something one step further down.
  package mutating func at<T>(_ step: @autoclosure () -> JSONValue, _ body: (inout Decoding) -> T?) -> T? {
    let before = faults.count
    let value = body(&self)
    if faults.count > before { place(faultsAfter: before, under: step()) }
    return value
  }

  /// Puts a step before the paths of all faults but the first `count`.
  package mutating func place(faultsAfter count: Int, under step: JSONValue) {
    for index in count..<faults.count { faults[index].loc.insert(step, at: 0) }
  }

  /// Decodes a member that must be there.
  package mutating func required<T: JSONDecodable>(_ key: String, in object: JSONObject) -> T? {
    at(.string(key)) { decoding in
      guard let json = object[key] else {
        decoding.fault("missing", "is required")
        return nil
      }
      return T(json, decoding: &decoding)
    }
  }

  /// Decodes a member that may be missing; null counts as missing.
  package mutating func optional<T: JSONDecodable>(_ key: String, in object: JSONObject) -> T? {
    guard let json = object[key], json != .null else { return nil }
    return at(.string(key)) { T(json, decoding: &$0) }
  }

  /// Takes a value back that decodes but does not keep a bound.
  package mutating func check<T>(
    _ value: T?, _ type: String, _ msg: @autoclosure () -> String, _ keeps: (T) -> Bool
  ) -> T? {
    guard let value, !keeps(value) else { return value }
    fault(type, msg())
    return nil
  }
}
