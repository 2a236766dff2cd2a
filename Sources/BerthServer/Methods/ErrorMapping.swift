import BerthProtocol
import JSON
package import JSONRPC
import Platform

extension RPCError {
  /// What a handler threw, as it goes on the wire. The one place where errors get their codes.
  package init(describing error: any Error) {
    switch error {
    case let error as RPCError: self = error
    case let error as ProtocolError: self.init(error)
    case let error as SystemError: self.init(ProtocolError(error))
    case is CancellationError, is Outbox.Closed:
      self.init(ProtocolError(.cancelled, "The request was cancelled."))
    default:
      self.init(ProtocolError(.internalError, "The server failed in a way it should not.", detail: "\(error)"))
    }
  }

  package init(_ error: ProtocolError) {
    var writer = JSONWriter()
    error.encodeData(into: &writer)
    let data = try? JSONParser.parse(writer.bytes)
    self.init(code: error.code, message: error.message, data: data)
  }
}
