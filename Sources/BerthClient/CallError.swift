package import BerthProtocol
package import JSON

/// What a server answered in place of a result.
package struct CallError: Error, Sendable, CustomStringConvertible {
  package let code: Int
  package let message: String
  /// The error's `data`.
  package let data: JSONValue?

  package init(code: Int, message: String, data: JSONValue? = nil) {
    self.code = code
    self.message = message
    self.data = data
  }

  init(_ json: JSONValue) {
    self.init(code: json["code"]?.intValue ?? 0, message: json["message"]?.stringValue ?? "", data: json["data"])
  }

  /// The stable word; nil for an error that this version does not know.
  package var type: ErrorType? { data?["type"]?.stringValue.flatMap(ErrorType.init) }

  /// The case in particular, where it says more than the message.
  package var detail: String? {
    guard let detail = data?["detail"]?.stringValue, detail != message else { return nil }
    return detail
  }

  /// Every fault, where there are several.
  package var faults: [Fault] {
    (data?["errors"]?.arrayValue ?? []).compactMap { try? Decoding.decode(Fault.self, from: $0) }
  }

  package var description: String { message }
}
