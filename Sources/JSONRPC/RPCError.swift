package import JSON

/// An error as JSON-RPC 2.0 §5.1 puts it on the wire.
package struct RPCError: Error, Sendable, Hashable, JSONEncodable {
  package var code: Int
  package var message: String
  package var data: JSONValue?

  package init(code: Int, message: String, data: JSONValue? = nil) {
    self.code = code
    self.message = message
    self.data = data
  }

  package func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.key(plain: "code")
    writer.integer(code)
    writer.key(plain: "message")
    writer.string(message)
    if let data {
      writer.key(plain: "data")
      data.encode(into: &writer)
    }
    writer.endObject()
  }
}

/// JSON-RPC's own faults, with `data` of the form that all errors have.
extension RPCError {
  package static func parseError(_ detail: String) -> RPCError {
    RPCError(code: -32700, type: "parse_error", message: "The message is not valid JSON: \(detail).")
  }

  package static func invalidRequest(_ detail: String) -> RPCError {
    RPCError(
      code: -32600, type: "invalid_request", message: "The message is not a valid JSON-RPC 2.0 request: \(detail).")
  }

  package static func methodNotFound(_ method: String) -> RPCError {
    RPCError(
      code: -32601, type: "method_not_found",
      message: "There is no method “\(method.prefix(200))”. `rpc.discover` lists those that there are.")
  }

  package static let cancelled = RPCError(code: -32800, type: "cancelled", message: "The request was cancelled.")

  private init(code: Int, type: String, message: String) {
    self.init(
      code: code, message: message,
      data: ["type": .string(type), "detail": .string(message), "retryable": false])
  }
}
