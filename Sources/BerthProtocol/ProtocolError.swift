package import JSON

/// What a request is answered with when it fails.
package struct ProtocolError: Error, Sendable, Hashable {
  package var type: ErrorType
  /// A sentence a person can act on: it names the thing, and what to do.
  package var message: String
  /// The case in particular.
  package var detail: String
  /// Every fault, where there are several.
  package var errors: [Fault]
  /// How long to wait before trying again, in milliseconds.
  package var retryAfterMs: Int?
  /// Further members of `data`, such as today's `version` of an entity.
  package var extra: JSONObject

  /// - Parameter detail: The message where it is nil.
  package init(
    _ type: ErrorType, _ message: String, detail: String? = nil, errors: [Fault] = [], retryAfterMs: Int? = nil,
    extra: JSONObject = [:]
  ) {
    self.type = type
    self.message = message
    self.detail = detail ?? message
    self.errors = errors
    self.retryAfterMs = retryAfterMs
    self.extra = extra
  }

  /// The answer to parameters that do not decode or break a bound.
  package init(invalidParams faults: DecodingFaults) {
    let count = faults.faults.count
    self.init(
      .invalidParams,
      count == 1 ? "A parameter is wrong: \(faults)." : "\(count) parameters are wrong: \(faults.summary).",
      detail: faults.description, errors: faults.faults.map(Fault.init))
  }

  package var code: Int { type.code }
}

extension ProtocolError: CustomStringConvertible {
  package var description: String {
    detail == message ? "\(type.rawValue): \(message)" : "\(type.rawValue): \(message) (\(detail))"
  }
}

extension ProtocolError: JSONEncodable {
  /// Writes the error object of JSON-RPC 2.0 §5.1.
  package func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.key(plain: "code")
    writer.integer(code)
    writer.key(plain: "message")
    writer.string(message)
    writer.key(plain: "data")
    encodeData(into: &writer)
    writer.endObject()
  }

  /// Writes what the error object holds as `data`.
  package func encodeData(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.key(plain: "type")
    writer.string(type.rawValue)
    writer.key(plain: "detail")
    writer.string(detail)
    writer.key(plain: "retryable")
    writer.bool(type.retryable)
    if let retryAfterMs {
      writer.key(plain: "retryAfterMs")
      writer.integer(retryAfterMs)
    }
    if !errors.isEmpty {
      writer.key(plain: "errors")
      errors.encode(into: &writer)
    }
    for member in extra.members {
      writer.key(member.key)
      member.value.encode(into: &writer)
    }
    writer.endObject()
  }
}

extension Fault {
  package init(_ fault: DecodingFault) {
    self.init(loc: fault.loc, msg: fault.msg, type: fault.type)
  }
}

extension DecodingFaults {
  /// The first few faults in words.
  fileprivate var summary: String {
    let shown = DecodingFaults(Array(faults.prefix(3))).description
    return faults.count > 3 ? "\(shown); and \(faults.count - 3) more" : shown
  }
}
